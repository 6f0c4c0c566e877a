"""What is recorded of each request: one log line, and for the fast lane the same metrics the instrumentator writes."""

import sys
from asyncio import CancelledError
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prometheus_fastapi_instrumentator.metrics import Info

from service.telemetry.facts import Facts, current
from service.telemetry.logs import RequestLog
from service.telemetry.metric_kinds import RequestTally
from service.telemetry.metrics import HttpMetrics

_NOTHING_SAID, _CUT_OFF = "500", 503


@dataclass(slots=True)
class Recording:
    """Writes the log line of every request; counts those that never reach the instrumentator."""

    log: RequestLog
    metrics: HttpMetrics
    _tallies: dict[tuple[str, str, int], RequestTally] = field(default_factory=dict)

    def warm(self, method: str, route: str, status: int, gathered: Facts, seconds: float) -> None:
        """Record a request of the fast lane."""
        self._count(method, route, status, gathered, seconds)
        self.request(method, route, status, gathered, seconds)

    def uninstrumented(self, method: str, route: str, status: int, gathered: Facts, seconds: float) -> None:
        """Count a request that did not come to the instrumentator: refused before it, or on a shortcut."""
        self._count(method, route, status, gathered, seconds)

    def request(self, method: str, route: str, status: int, gathered: Facts, seconds: float) -> None:
        """Write the log line of a request that has been answered."""
        line: dict[str, Any] = {
            "time": self.log.now(),
            "level": "info",
            "message": "request",
            "method": method,
            "route": route,
            "status": status,
            "duration_ms": round(seconds * 1000, 3),
            "request_id": gathered.request_id,
            "trace_id": gathered.trace_id,
            "client_address": gathered.address,
            "cache": gathered.cache,
            "statements": gathered.statements,
        }
        if gathered.span_id:
            line["span_id"] = gathered.span_id
        if gathered.problem:
            line["problem"] = gathered.problem
        self.log.write(line)

    def instrumented(self, info: Info) -> None:
        """Take what the instrumentator saw: the same families, the same labels."""
        route = route_of(info.request.scope)
        # Who is cut off before an answer has begun counts as a 500 there; the envelope answers for it, with a 503.
        is_cut_off = info.modified_status == _NOTHING_SAID and isinstance(sys.exception(), CancelledError)
        status = _CUT_OFF if is_cut_off else int(info.modified_status)
        self._count(info.method, route, status, current(), info.modified_duration)

    def _count(self, method: str, route: str, status: int, gathered: Facts, seconds: float) -> None:
        tally = self._tallies.get((method, route, status))
        if tally is None:
            tally = self._tallies[method, route, status] = self.metrics.tally(method, route, str(status))
        if gathered.tracer is None:
            tally.observe(seconds)
        else:
            tally.requests.count += 1
            tally.duration.observe(seconds, _exemplar(gathered))


def route_of(scope: Mapping[str, Any]) -> str:
    """Return the template of the route that answered; a path itself may carry ids and worse."""
    return getattr(scope.get("route"), "path_format", "none")


def _exemplar(gathered: Facts) -> dict[str, str]:
    """Point from a bucket to the trace of a request that fell into it."""
    return {"trace_id": gathered.trace_id}
