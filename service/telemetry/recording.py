"""What is recorded of each request: one log line, and for the fast lane the same metrics the instrumentator writes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import Counter, Histogram
from prometheus_fastapi_instrumentator.metrics import Info

from service.telemetry.facts import Facts, current
from service.telemetry.logs import RequestLog
from service.telemetry.metrics import HttpMetrics


@dataclass(slots=True)
class Recording:
    """Writes the log line of every request; counts those that never reach the instrumentator."""

    log: RequestLog
    metrics: HttpMetrics
    _cells: dict[tuple[str, str, int], tuple[Counter, Histogram]] = field(default_factory=dict)

    def warm(self, method: str, route: str, status: int, gathered: Facts, seconds: float) -> None:
        """Record a request of the fast lane."""
        cells = self._cells.get((method, route, status))
        if cells is None:
            cells = self._new_cells(method, route, status)
        cells[0].inc()
        cells[1].observe(seconds, _exemplar(gathered) if gathered.tracer else None)
        self.request(method, route, status, gathered, seconds)

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
        self.metrics.requests.labels(info.method, route, info.modified_status).inc()
        gathered = current()
        exemplar = _exemplar(gathered) if gathered.tracer else None
        self.metrics.duration.labels(info.method, route).observe(info.modified_duration, exemplar)

    def _new_cells(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        cells = (self.metrics.requests.labels(method, route, str(status)), self.metrics.duration.labels(method, route))
        self._cells[method, route, status] = cells
        return cells


def route_of(scope: Mapping[str, Any]) -> str:
    """Return the template of the route that answered; a path itself may carry ids and worse."""
    return getattr(scope.get("route"), "path_format", "none")


def _exemplar(gathered: Facts) -> dict[str, str]:
    """Point from a bucket to the trace of a request that fell into it."""
    return {"trace_id": gathered.trace_id}
