"""Traces: whether a request is traced is drawn before anything is built; the rest is OpenTelemetry's SDK."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from random import getrandbits, random

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from service.telemetry import facts

_TRACEPARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
Attributes = Mapping[str, str | int | float | bool]


class Tracing:
    """Draws which requests are traced and starts their server spans. Off, it only makes trace ids for the log."""

    def __init__(self, *, is_on: bool, ratio: float) -> None:
        self.ratio = ratio if is_on else 0.0
        self._provider: TracerProvider | None = None
        if is_on:
            resource = Resource.create({"service.name": "signet"})
            # The draw has been made already when a span is asked for; a second one would square the ratio.
            self._provider = TracerProvider(sampler=ALWAYS_ON, resource=resource)
            self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))

    def parent(self, header: bytes | None) -> tuple[str, SpanContext | None]:
        """Read `traceparent` (W3C Trace Context); without one that counts, a new trace id."""
        match = _TRACEPARENT.fullmatch(header) if header else None
        if match is None or match[1] == b"0" * 32 or match[2] == b"0" * 16:
            return f"{getrandbits(128):032x}", None
        flags = TraceFlags(int(match[3], 16))
        return match[1].decode(), SpanContext(int(match[1], 16), int(match[2], 16), is_remote=True, trace_flags=flags)

    def is_drawn(self, parent: SpanContext | None, *, is_parent_trusted: bool) -> bool:
        """Tell whether to trace: a trusted parent decides, else the ratio does."""
        if self._provider is None:
            return False
        if parent is not None and is_parent_trusted:
            return parent.trace_flags.sampled
        return random() < self.ratio  # noqa: S311 - a sample, not a secret

    def start(self, name: str, parent: SpanContext | None, gathered: facts.Facts) -> Span:
        """Start the server span of a request that was drawn."""
        if self._provider is None:
            raise RuntimeError("tracing is off")
        tracer = self._provider.get_tracer("signet")
        context = set_span_in_context(NonRecordingSpan(parent)) if parent else None
        started = tracer.start_span(name, context, SpanKind.SERVER)
        gathered.tracer = tracer
        gathered.trace_id = f"{started.get_span_context().trace_id:032x}"
        gathered.span_id = f"{started.get_span_context().span_id:016x}"
        return started

    def close(self) -> None:
        """Send what is left, then stop."""
        if self._provider is not None:
            self._provider.shutdown()


@contextmanager
def span(name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: Attributes | None = None) -> Iterator[None]:
    """Trace a piece of work below the current span; does nothing in a request that is not traced."""
    tracer = facts.current().tracer
    if tracer is None:
        yield
        return
    with tracer.start_as_current_span(name, kind=kind, attributes=attributes, record_exception=False) as started:
        try:
            yield
        except Exception as error:
            _note_failure(started, type(error).__name__)
            raise


def statement_span(name: str) -> Span | None:
    """Start the span of one SQL statement by its name, never its parameters; None in a request not traced."""
    tracer = facts.current().tracer
    if tracer is None:
        return None
    attributes = {"db.system.name": "postgresql", "db.operation.name": name}
    return tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)


def end_statement_span(started: Span, error: str = "") -> None:
    """End the span of a statement; `error` is the type of what ended it early."""
    if error:
        _note_failure(started, error)
    started.end()


def _note_failure(started: Span, error: str) -> None:
    """Say that it failed, by the type alone: messages of drivers carry values."""
    started.set_status(Status(StatusCode.ERROR))
    started.set_attribute("error.type", error)
