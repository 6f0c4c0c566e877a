"""The fast lane: warm answers given before routing. It only repeats what the route would say, byte for byte."""

from collections.abc import Callable
from dataclasses import dataclass, field

from starlette.types import Scope

from service.security.claims import Claims
from service.web.caller import Gate

RawHeaders = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Warm:
    """A complete answer."""

    status: int
    headers: RawHeaders
    body: bytes

    def header(self, name: bytes) -> str:
        """Return one header's value; the name is in lower case."""
        return dict(self.headers)[name].decode("latin-1")


# What the route, or what stands around it, answers differently: conditional reads, and browsers from elsewhere (CORS).
_ROUTE_DECIDES = frozenset({b"if-none-match", b"origin"})

Answering = Callable[[Claims], Warm | None]


@dataclass(slots=True)
class FastLane:
    """Exact paths, plus one prefix, to a function from claims to an answer. None falls through to the route."""

    gate: Gate
    _exact: dict[tuple[str, str], tuple[str, Answering]] = field(default_factory=dict)
    _prefix: str = "\0"
    _by_prefix: tuple[str, Answering] | None = None

    def add(self, method: str, path: str, answering: Answering) -> None:
        self._exact[method, path] = (path, answering)

    def add_prefix(self, path: str, answering: Answering) -> None:
        """Answer any method on `path` and everything below it."""
        self._prefix = path
        self._by_prefix = (path, answering)

    def find(self, scope: Scope, headers: dict[bytes, bytes]) -> tuple[str, Warm] | None:
        """Answer if all is warm; gives the route's template too. None for whatever only the route understands."""
        path = scope["path"]
        chosen = self._exact.get((scope["method"], path))
        if chosen is None:
            chosen = self._by_prefix if path.startswith(self._prefix) else None
            if chosen is None or path[len(self._prefix) :][:1] not in {"", "/"}:
                return None
        if scope["query_string"] or headers.keys() & _ROUTE_DECIDES or "\n" in path:
            return None
        # A header given twice means one thing to one reader and another to the next: the route decides.
        if len(headers) != len(scope["headers"]):
            return None
        claims = self.gate.find_warm(headers.get(b"authorization"))
        if claims is None:
            return None
        route, answering = chosen
        warm = answering(claims)
        return None if warm is None else (route, warm)
