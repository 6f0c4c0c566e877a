"""What the edge knows of a request: the client's address, the request id, the headers of every answer."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.types import Scope

_REQUEST_ID = re.compile(rb"[\w-]{1,64}", re.ASCII)
_SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]
_STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")


@dataclass(frozen=True, slots=True)
class Proxies:
    """Which header holds the client's address, and which networks may write it."""

    header: bytes
    networks: tuple[IPv4Network | IPv6Network, ...]

    @classmethod
    def of(cls, header: str, networks: Sequence[str]) -> "Proxies":
        return cls(header.lower().encode(), tuple(ip_network(network, strict=False) for network in networks))

    def client_address(self, scope: Scope, headers: dict[bytes, bytes]) -> str:
        """Read the header from right to left past trusted proxies; whoever stands before them is the client."""
        peer = _plain(scope["client"][0]) if scope.get("client") else ""
        if not self.header or self.header not in headers or not self.is_trusted(peer):
            return peer
        # Some proxies add a line of their own instead of writing behind the last word; it is one list all the same.
        line = b",".join(value for name, value in scope["headers"] if name == self.header)
        address = peer
        for hop in reversed(line.decode("latin-1").split(",")):
            named = _plain(hop.strip())
            if not _is_address(named):
                return address
            address = named
            if not self.is_trusted(named):
                return address
        return address

    def is_trusted(self, address: str) -> bool:
        plain = _plain(address)
        if not self.networks or not _is_address(plain):
            return False
        parsed = ip_address(plain)
        return any(parsed in network for network in self.networks)


def request_id(headers: dict[bytes, bytes], trace_id: str) -> str:
    """Take the caller's request id if it is harmless, else the trace id: one name for one request."""
    given = headers.get(b"x-request-id")
    return given.decode() if given and _REQUEST_ID.fullmatch(given) else trace_id


def standing_headers(*, is_https: bool) -> list[tuple[bytes, bytes]]:
    """Return what every answer carries."""
    return [*_SECURITY, _STRICT_TRANSPORT] if is_https else [*_SECURITY]


def _plain(text: str) -> str:
    """Write an IPv4 address that came through an IPv6 socket (::ffff:192.0.2.1) as what it is: one client, one name."""
    return text[7:] if text[:7].lower() == "::ffff:" and "." in text else text


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
