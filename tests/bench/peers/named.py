"""Other servers of this machine: `BENCH_PEERS="keycloak=http://127.0.0.1:8080/realms/x/userinfo,bearer other=URL,get"`.

What is asked of each is its adapter's: `get` asks without a token, `bearer` with the one in `BENCH_TOKEN_<NAME>`.
"""

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from urllib.parse import SplitResult, urlsplit

import httpx
import psutil

from tests.bench.measuring import CORES, SERVER_CORES, Subject, get, pin_whole

_HERE, _ANY = "127.0.0.1", {"127.0.0.1", "0.0.0.0", "::"}  # noqa: S104 - looked for, not listened on
_FORM = f"a URL such as http://{_HERE}:8080/me, a comma, and one of "


@contextmanager
def named_peers() -> Iterator[list[Subject]]:
    """Read who is to be measured as well, and keep them on the server's core for the block.

    What can't be measured is refused in one sentence: a server elsewhere above all, whose CPU can't be read.
    """
    with ExitStack() as stack:
        yield [
            stack.enter_context(_peer(*word.partition("=")[::2])) for word in os.environ.get("BENCH_PEERS", "").split()
        ]


@contextmanager
def _peer(name: str, how: str) -> Iterator[Subject]:
    url, _, adapter = how.rpartition(",")
    if adapter not in _ADAPTERS:
        raise _refusal(name, f"wants {_FORM}{', '.join(_ADAPTERS)}")
    address, port = _address(name, url)
    headers = _ADAPTERS[adapter](name)
    path = (address.path or "/") + (f"?{address.query}" if address.query else "")
    _refuse_unless_answered(name, f"http://{_HERE}:{port}{path}", headers)
    first, *further = _listening(name, port)
    with ExitStack() as stack:
        for pid in (first, *further):
            stack.enter_context(_pinned(name, pid))
        yield Subject(name, first, port, [get(path, **headers)], further=tuple(further))


def _address(name: str, url: str) -> tuple[SplitResult, int]:
    """Take a URL apart that is of this machine: load goes to its loopback address, and CPU is read here."""
    try:
        address = urlsplit(url)
        host, port = address.hostname, address.port
    except ValueError as error:
        raise _refusal(name, f"has no such URL as {url!r}: {error}") from None
    if address.scheme != "http" or not port:
        raise _refusal(name, f"wants plain http and a port, not {url!r}")
    if host not in {_HERE, "localhost"}:
        raise _refusal(name, f"is on {host}: only what listens on {_HERE} of this machine can be measured")
    return address, port


def _refuse_unless_answered(name: str, url: str, headers: dict[str, str]) -> None:
    try:
        answer = httpx.get(url, headers=headers | {"Accept-Encoding": "identity"}, trust_env=False)
    except httpx.TransportError as error:
        raise _refusal(name, f"does not answer at {url}: {error}") from None
    if not answer.is_success:
        raise _refusal(name, f"answers {answer.status_code} at {url}, and refusals are not measured")
    if answer.http_version != "HTTP/1.1" or "content-length" not in answer.headers:
        raise _refusal(name, f"answers {url} without HTTP/1.1 or a Content-Length, which the load reads")


def _listening(name: str, port: int) -> list[int]:
    """Find the processes that listen on a port, but for the descendants of others: these are counted with them."""
    found = {process.pid: process for process in psutil.process_iter() if _listens(process, port)}
    if not found:
        raise _refusal(name, f"listens on {port} as no process of this machine that this user may look at")
    return [pid for pid, process in found.items() if not any(older.pid in found for older in process.parents())]


def _listens(process: psutil.Process, port: int) -> bool:
    with suppress(psutil.Error):
        return any(
            connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.laddr.ip in _ANY
            for connection in process.net_connections("tcp")
        )
    return False


@contextmanager
def _pinned(name: str, pid: int) -> Iterator[None]:
    """Keep a server on one core, as all others here, and let it go afterwards."""
    before = os.sched_getaffinity(pid) if CORES else set()
    try:
        pin_whole(pid, SERVER_CORES)
    except PermissionError:
        raise _refusal(name, "is another user's: run this as that user, or as root") from None
    try:
        yield
    finally:
        with suppress(psutil.NoSuchProcess):
            pin_whole(pid, before)


def _bearer(name: str) -> dict[str, str]:
    variable = "BENCH_TOKEN_" + re.sub(r"\W", "_", name).upper()
    if not (token := os.environ.get(variable)):
        raise _refusal(name, f"is asked with a token: put it into {variable}")
    return {"Authorization": f"Bearer {token}"}


def _refusal(name: str, why: str) -> SystemExit:
    return SystemExit(f"BENCH_PEERS: {name!r} {why}")


_ADAPTERS = {"get": lambda _: {}, "bearer": _bearer}
