"""Builds that tell less of themselves: what BENCH_TELLS does not name of `metrics` and `logs` is left out."""

import os

from prometheus_client import Counter, Histogram
from prometheus_fastapi_instrumentator.middleware import PrometheusInstrumentatorMiddleware
from starlette.types import Receive, Scope, Send

from service.commands import main
from service.telemetry.metric_kinds import RequestTally
from service.telemetry.recording import Recording


def nothing(*_: object, **__: object) -> None:
    """Record nothing."""


async def pass_by(self: PrometheusInstrumentatorMiddleware, scope: Scope, receive: Receive, send: Send) -> None:
    """Measure nothing."""
    await self.app(scope, receive, send)


def leave_out(part: str) -> None:
    if part == "logs":
        Recording.request = nothing  # type: ignore[method-assign]
    else:
        Counter.inc = nothing  # type: ignore[method-assign]
        Histogram.observe = nothing  # type: ignore[method-assign]
        RequestTally.observe = nothing  # type: ignore[method-assign]
        PrometheusInstrumentatorMiddleware.__call__ = pass_by  # type: ignore[method-assign]


if __name__ == "__main__":
    for untold in {"metrics", "logs"} - set(os.environ["BENCH_TELLS"].split()):
        leave_out(untold)
    main()
