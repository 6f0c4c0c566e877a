"""Every statement seen: its name in a comment, its time in a metric, a span, a line in the log when it is slow."""

import logging
from datetime import timedelta
from time import perf_counter
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPICursor, ExceptionContext, ExecutionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from service.telemetry import facts
from service.telemetry.store_metrics import DatabaseMetrics
from service.telemetry.traces import end_statement_span, statement_span

logger = logging.getLogger(__name__)


def observe_statements(engine: AsyncEngine, metrics: DatabaseMetrics, slow: timedelta) -> None:
    """Watch all statements of an engine. `slow` is the time from which one is logged."""
    observer = Observer(metrics, slow.total_seconds())
    event.listen(engine.sync_engine, "before_cursor_execute", observer.before, retval=True)
    event.listen(engine.sync_engine, "after_cursor_execute", observer.after)
    event.listen(engine.sync_engine, "handle_error", observer.failed)


class Observer:
    """Sees a statement go and come back; what it notes in between travels on the execution context."""

    def __init__(self, metrics: DatabaseMetrics, slow_seconds: float) -> None:
        self._metrics = metrics
        self._slow_seconds = slow_seconds

    def before(
        self,
        _connection: Connection,
        _cursor: DBAPICursor,
        sql: str,
        parameters: Any,  # noqa: ANN401 - the driver's own forms
        context: ExecutionContext | None,
        _many: bool,  # noqa: FBT001
    ) -> tuple[str, Any]:
        facts.current().statements += 1
        if context is None:
            return sql, parameters
        name = context.execution_options.get("statement_name", "unnamed")
        context.__dict__["signet_started"] = (name, perf_counter(), statement_span(name, sql))
        # In front: of a long statement Postgres shows only the beginning.
        return f"/*action='{name}'*/ {sql}", parameters

    def after(
        self,
        _connection: Connection,
        _cursor: DBAPICursor,
        _sql: str,
        _parameters: Any,  # noqa: ANN401
        context: ExecutionContext | None,
        _many: bool,  # noqa: FBT001
    ) -> None:
        if context is not None:
            self._end(context)

    def failed(self, failure: ExceptionContext) -> None:
        """See a statement that did not come back in order: refused, cut off or given up."""
        context = failure.execution_context
        if context is not None and "signet_started" in context.__dict__:
            self._end(context, type(failure.original_exception).__name__)

    def _end(self, context: ExecutionContext, error: str = "") -> None:
        name, started, span = context.__dict__.pop("signet_started")
        seconds = perf_counter() - started
        self._metrics.statement_duration.labels(name).observe(seconds)
        if span is not None:
            end_statement_span(span, error)
        if seconds >= self._slow_seconds:
            logger.warning("slow statement", extra={"statement": name, "duration_ms": round(seconds * 1000, 1)})
