"""Other servers of this machine: `BENCH_PEERS="keycloak=http://127.0.0.1:8080/realms/x/userinfo,bearer other=URL,get"`.

What is asked of each is its adapter's: `get` asks without a token, `bearer` with the one in `BENCH_TOKEN_<NAME>`.
"""

import os
from urllib.parse import urlsplit

import psutil

from tests.bench.measuring import Subject, get


def named_peers() -> list[Subject]:
    """Read who is to be measured as well; a server elsewhere is refused: its CPU can't be read."""
    return [_peer(*word.partition("=")[::2]) for word in os.environ.get("BENCH_PEERS", "").split()]


def _peer(name: str, how: str) -> Subject:
    url, _, adapter = how.rpartition(",")
    address = urlsplit(url)
    if adapter not in _ADAPTERS or not address.port:
        raise SystemExit(f"BENCH_PEERS: {name!r} wants a URL with a port, a comma, and one of {', '.join(_ADAPTERS)}")
    path = address.path + (f"?{address.query}" if address.query else "")
    return Subject(name, _listening(name, address.port), address.port, [get(path or "/", **_ADAPTERS[adapter](name))])


def _listening(name: str, port: int) -> int:
    for connection in psutil.net_connections("tcp"):
        address = connection.laddr
        if address and connection.status == psutil.CONN_LISTEN and address.port == port and connection.pid:
            return connection.pid
    raise SystemExit(f"BENCH_PEERS: no process of this machine that may be looked at listens on {port} for {name!r}")


def _bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {os.environ['BENCH_TOKEN_' + name.upper()]}"}


_ADAPTERS = {"get": lambda _: {}, "bearer": _bearer}
