"""Asking a deployment what it tells: one machine of those behind a name, which answers for that name."""

import socket
import ssl
from dataclasses import dataclass
from functools import cache
from http.client import HTTPConnection, HTTPException
from urllib.parse import SplitResult, urlsplit

from local.refusals import CannotStart

OK = 200
_SECONDS = 2.0
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Place:
    """An address as it was named, without a slash at its end, and the machine that is asked there."""

    url: str
    machine: str

    def __str__(self) -> str:
        return self.url if self.machine == self.name else f"{self.url} ({self.machine})"

    @property
    def parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def name(self) -> str:
        return self.parts.hostname or ""

    @property
    def port(self) -> int:
        return self.parts.port or _PORTS[self.parts.scheme]


def place_of(option: str, url: str) -> Place:
    """Read an address that was given as HOST or METRICS, or say what is wrong with it."""
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        # A port that is no number, or a bracket that nobody closed.
        is_whole = False
    if not is_whole:
        raise CannotStart(f"{option} must be an address such as http://10.0.1.5:9000, not {url!r}.")
    return Place(parts._replace(query="", fragment="").geturl().rstrip("/"), parts.hostname or "")


def ask(place: Place, path: str) -> tuple[int, str]:
    """Send a GET and give status and text; OSError where nobody answers, or somebody with another's certificate."""
    connection = _Connection(place)
    try:
        connection.request("GET", place.parts.path + path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(errors="replace")
    except (HTTPException, UnicodeError) as reason:
        raise OSError(f"it does not speak HTTP ({type(reason).__name__})") from reason
    finally:
        connection.close()


def fetch(place: Place, path: str) -> str | None:
    """Give what is told there, or None when nobody answers."""
    try:
        status, text = ask(place, path)
    except OSError:
        return None
    return text if status == OK else None


class _Connection(HTTPConnection):
    """Goes to the machine, and asks it for the name: in `Host`, and in TLS, where its certificate must be for it."""

    def __init__(self, place: Place) -> None:
        self.default_port = _PORTS[place.parts.scheme]
        self._machine = place.machine
        self._tls = _tls() if place.parts.scheme == "https" else None
        super().__init__(place.name, place.port, timeout=_SECONDS)

    def connect(self) -> None:
        self.sock = socket.create_connection((self._machine, self.port), _SECONDS)
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)


@cache
def _tls() -> ssl.SSLContext:
    """Trust what the machine trusts, or what SSL_CERT_FILE names."""
    return ssl.create_default_context()
