"""Every statement seen: its name in a comment, its time in a metric, a span, a line in the log when it is slow."""

import logging
from datetime import timedelta
from time import perf_counter
from typing import Any, NamedTuple

from opentelemetry.trace import Span
from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPICursor, ExceptionContext, ExecutionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from service.telemetry import facts
from service.telemetry.store_metrics import DatabaseMetrics
from service.telemetry.traces import end_statement_span, statement_span

logger = logging.getLogger(__name__)


class Seen(NamedTuple):
    """A statement on its way."""

    name: str
    started: float
    span: Span | None


class Observer:
    """Sees statements go and come back. `slow` is the time from which one is logged."""

    def __init__(self, metrics: DatabaseMetrics, slow: timedelta) -> None:
        self._metrics = metrics
        self._slow_seconds = slow.total_seconds()
        # Looking a child up by its label costs more than observing.
        self._durations: dict[str, Any] = {}

    @staticmethod
    def named(name: str, sql: str) -> str:
        """Write the name into the statement. In front: of a long statement Postgres shows only the beginning."""
        return f"/*action='{name}'*/ {sql}"

    def begin(self, name: str, sql: str) -> Seen:
        facts.current().statements += 1
        return Seen(name, perf_counter(), statement_span(name, sql))

    def end(self, seen: Seen, error: str = "") -> None:
        """See a statement come back, or with an error's name not in order: refused, cut off or given up."""
        seconds = perf_counter() - seen.started
        duration = self._durations.get(seen.name)
        if duration is None:
            duration = self._durations[seen.name] = self._metrics.statement_duration.labels(seen.name)
        duration.observe(seconds)
        if seen.span is not None:
            end_statement_span(seen.span, error)
        if seconds >= self._slow_seconds:
            logger.warning("slow statement", extra={"statement": seen.name, "duration_ms": round(seconds * 1000, 1)})

    def watch(self, engine: AsyncEngine) -> None:
        """See all that SQLAlchemy executes; what is seen travels on its execution context."""
        event.listen(engine.sync_engine, "before_cursor_execute", self._before, retval=True)
        event.listen(engine.sync_engine, "after_cursor_execute", self._after)
        event.listen(engine.sync_engine, "handle_error", self._failed)

    def _before(
        self,
        _connection: Connection,
        _cursor: DBAPICursor,
        sql: str,
        parameters: Any,  # noqa: ANN401 - the driver's own forms
        context: ExecutionContext | None,
        _many: bool,  # noqa: FBT001
    ) -> tuple[str, Any]:
        if context is None:
            facts.current().statements += 1
            return sql, parameters
        name = context.execution_options.get("statement_name", "unnamed")
        context.__dict__["signet_seen"] = self.begin(name, sql)
        return self.named(name, sql), parameters

    def _after(
        self,
        _connection: Connection,
        _cursor: DBAPICursor,
        _sql: str,
        _parameters: Any,  # noqa: ANN401
        context: ExecutionContext | None,
        _many: bool,  # noqa: FBT001
    ) -> None:
        if context is not None:
            self.end(context.__dict__.pop("signet_seen"))

    def _failed(self, failure: ExceptionContext) -> None:
        context = failure.execution_context
        if context is not None and "signet_seen" in context.__dict__:
            self.end(context.__dict__.pop("signet_seen"), type(failure.original_exception).__name__)
