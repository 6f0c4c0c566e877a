"""Traces: whether a request is traced is drawn before anything is built; the rest is OpenTelemetry's SDK.

Attributes follow the stable semantic conventions, except that there is no `url.path` and no `db.query.text`: the first
is whatever a caller typed, a secret in the wrong place perhaps, and `http.route` and the statement's name say enough.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from random import getrandbits, random

from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TraceState,
    set_span_in_context,
)

from service.settings import Settings
from service.telemetry import facts
from service.telemetry.exporting import Exporting
from service.telemetry.metrics import TraceMetrics

_NOTHING = nullcontext()
# Version 00, and of a later one the part that 00 defines (W3C Trace Context, 4.3).
_PARENT = rb"-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})"
_TRACEPARENT = re.compile(rb"00" + _PARENT)
_VERB = re.compile(r"\b(?:SELECT|INSERT|UPDATE|DELETE)\b")
_LATER = re.compile(rb"(?!00|ff)[0-9a-f]{2}" + _PARENT + rb"(?:-.*)?")
Attributes = Mapping[str, str | int | float | bool]


class Tracing:
    """Draws which requests are traced and starts their server spans. Off, it only makes trace ids for the log."""

    def __init__(self, settings: Settings, version: str, metrics: TraceMetrics) -> None:
        self.ratio = settings.trace_share
        self._is_parent_asked = settings.trace_sampler.startswith("parentbased")
        self._exporting = Exporting(settings, version, metrics) if settings.is_tracing_on else None

    def parent(self, header: bytes | None) -> tuple[str, SpanContext | None]:
        """Read `traceparent` (W3C Trace Context); without one that counts, a new trace id."""
        match = _TRACEPARENT.fullmatch(header) or _LATER.fullmatch(header) if header else None
        if match is None or match[1] == b"0" * 32 or match[2] == b"0" * 16:
            return f"{getrandbits(128):032x}", None
        flags = TraceFlags(int(match[3], 16))
        return match[1].decode(), SpanContext(int(match[1], 16), int(match[2], 16), is_remote=True, trace_flags=flags)

    def is_drawn(self, parent: SpanContext | None, *, is_parent_trusted: bool) -> bool:
        """Tell whether to trace: a trusted parent decides, else the ratio does.

        The lot is not read from the trace id, as samplers elsewhere do: a caller may choose that.
        """
        if self._exporting is None:
            return False
        if parent is not None and is_parent_trusted and self._is_parent_asked:
            return parent.trace_flags.sampled
        return random() < self.ratio  # noqa: S311 - a sample, not a secret

    def start(self, name: str, parent: SpanContext | None, states: Sequence[str], gathered: facts.Facts) -> Span:
        """Start the server span of a request that was drawn; `states` are its headers `tracestate`."""
        if self._exporting is None:
            raise RuntimeError("tracing is off")
        tracer = self._exporting.tracer
        context = set_span_in_context(NonRecordingSpan(_with_state(parent, states))) if parent else None
        self._exporting.ids.trace_id = int(gathered.trace_id, 16)
        started = tracer.start_span(name, context, SpanKind.SERVER)
        gathered.tracer = tracer
        gathered.span_id = f"{started.get_span_context().span_id:016x}"
        return started

    def close(self, patience: timedelta) -> None:
        """Send what is left, for at most `patience`, then stop. Blocks."""
        if self._exporting is not None:
            self._exporting.close(patience)


def span(
    name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: Attributes | None = None
) -> AbstractContextManager[None]:
    """Trace a piece of work below the current span; does nothing in a request that is not traced."""
    tracer = facts.current().tracer
    return _NOTHING if tracer is None else _traced(tracer, name, kind, attributes)


@contextmanager
def _traced(tracer: Tracer, name: str, kind: SpanKind, attributes: Attributes | None) -> Iterator[None]:
    with tracer.start_as_current_span(name, kind=kind, attributes=attributes, record_exception=False) as started:
        try:
            yield
        except Exception as error:
            note_failure(started, type(error).__name__)
            raise


def statement_span(name: str, sql: str) -> Span | None:
    """Start the span of one SQL statement by its name, never its parameters; None in a request not traced."""
    tracer = facts.current().tracer
    if tracer is None:
        return None
    attributes = {
        "db.system.name": "postgresql",
        "db.operation.name": _operation(sql),
        "db.query.summary": name,
    }
    return tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)


def end_statement_span(started: Span, error: str = "") -> None:
    """End the span of a statement; `error` is the type of what ended it early."""
    if error:
        note_failure(started, error)
    started.end()


def note_failure(started: Span, error: str) -> None:
    """Say that it failed, by the type alone: messages of drivers carry values."""
    started.set_status(Status(StatusCode.ERROR))
    started.set_attribute("error.type", error)


def _operation(sql: str) -> str:
    """Name what a statement does by its verb; behind a WITH stands the one that changes something."""
    first = sql.split(maxsplit=1)[0].upper()
    found = _VERB.search(sql) if first == "WITH" else None
    return found[0] if found else first


def _with_state(parent: SpanContext, states: Sequence[str]) -> SpanContext:
    if not states:
        return parent
    entries = TraceState.from_header(list(states))
    return SpanContext(parent.trace_id, parent.span_id, parent.is_remote, parent.trace_flags, entries)
