"""The management port: probes and metrics. Never routed publicly."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic, perf_counter

import orjson
from prometheus_client import Histogram
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.telemetry.metrics import Metrics

Check = Callable[[], Awaitable[None]]
_LOOP_PAUSE_SECONDS = 0.25
_LOOP_LATE_SECONDS = 2.0
_CHECK_SECONDS = 1.0


@dataclass(slots=True)
class Lifecycle:
    """Where this process is in its life."""

    began_at: float = field(default_factory=monotonic)
    started_at: float | None = None
    draining_at: float | None = None
    ticked_at: float = field(default_factory=monotonic)

    def start(self) -> None:
        """Note that all has been loaded that the first request needs."""
        self.started_at = monotonic()

    def drain(self) -> None:
        """Note that this process is about to end."""
        self.draining_at = monotonic()

    @property
    def is_started(self) -> bool:
        return self.started_at is not None

    @property
    def is_draining(self) -> bool:
        return self.draining_at is not None

    async def tick_for_ever(self, lag: Histogram) -> None:
        """Show that the event loop turns, and how late it is."""
        while True:
            self.ticked_at = monotonic()
            await asyncio.sleep(_LOOP_PAUSE_SECONDS)
            lag.observe(max(0.0, monotonic() - self.ticked_at - _LOOP_PAUSE_SECONDS))

    @property
    def is_responsive(self) -> bool:
        return monotonic() - self.ticked_at < _LOOP_LATE_SECONDS

    @property
    def is_ready(self) -> bool:
        return self.is_started and not self.is_draining and self.is_responsive


def create_management(
    lifecycle: Lifecycle, metrics: Metrics, startup_checks: dict[str, tuple[Check, bool]]
) -> Starlette:
    """Build the application. A start-up check is (question, whether it is required); Redis is reported only.

    Each check says how long it took and how old its answer is: 0 where it was asked for just now.
    """

    async def startupz(_: Request) -> Response:
        """Say whether everything this process needs to begin was reached."""
        results = {name: await _ask(check) for name, (check, _required) in startup_checks.items()}
        results["started"] = _started(lifecycle)
        required = {name for name, (_check, is_required) in startup_checks.items() if is_required} | {"started"}
        return _answer(results, required)

    async def readyz(_: Request) -> Response:
        """Say whether this process takes requests. A store that is away must not empty the Service."""
        results = {
            "started": _started(lifecycle),
            "not_draining": _fact(holds=not lifecycle.is_draining, since=lifecycle.draining_at or lifecycle.began_at),
            "loop": _fact(holds=lifecycle.is_responsive, since=lifecycle.ticked_at),
        }
        return _answer(results, set(results))

    async def livez(_: Request) -> Response:
        """Say whether the event loop turns; nothing else deserves a restart."""
        return _answer({"loop": _fact(holds=lifecycle.is_responsive, since=lifecycle.ticked_at)}, {"loop"})

    async def exposition(request: Request) -> Response:
        """Write every metric; with exemplars for a scraper that accepts OpenMetrics."""
        text, content_type = metrics.exposition(request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": content_type})

    routes = [Route("/startupz", startupz), Route("/readyz", readyz), Route("/livez", livez)]
    return Starlette(routes=[*routes, Route("/metrics", exposition)])


async def _ask(check: Check) -> dict[str, object]:
    started = perf_counter()
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            await check()
    except Exception as error:  # noqa: BLE001 - a probe reports every failure and never fails itself
        return {"ok": False, "reason": type(error).__name__, "duration_ms": _since(started), "age_seconds": 0.0}
    return {"ok": True, "duration_ms": _since(started), "age_seconds": 0.0}


def _fact(*, holds: bool, since: float) -> dict[str, object]:
    """Say what this process knows of itself without asking anybody, and since when (by the clock of its life)."""
    return {"ok": holds, "duration_ms": 0.0, "age_seconds": round(monotonic() - since, 3)}


def _started(lifecycle: Lifecycle) -> dict[str, object]:
    return _fact(holds=lifecycle.is_started, since=lifecycle.started_at or lifecycle.began_at)


def _answer(results: dict[str, dict[str, object]], required: set[str]) -> Response:
    is_ok = all(results[name]["ok"] for name in required)
    body = {"status": "ok" if is_ok else "unavailable", "checks": results}
    return Response(orjson.dumps(body), 200 if is_ok else 503, media_type="application/json")


def _since(started: float) -> float:
    return round((perf_counter() - started) * 1000, 1)
