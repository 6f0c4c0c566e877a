"""Where spans go: a batch at a time, by a thread of its own, to a collector that may be slow or dead.

Nobody waits for it. What it does not take is counted and forgotten; the log says when that begins and when it ends.
"""

import logging
import threading
from collections.abc import Sequence
from datetime import timedelta

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from service.settings import Settings
from service.telemetry.metrics import TraceMetrics

logger = logging.getLogger(__name__)

# The first two report each failed attempt; whoever reads the log needs to know once, and the rest is counted. The third
# repeats what a caller wrote into `tracestate`.
_SILENT = ("opentelemetry.exporter.otlp", "opentelemetry.sdk._shared_internal", "opentelemetry.trace.span")
# Spans that wait for the collector; the SDK's own default.
_MOST_WAITING = 2048


class GivenIds(RandomIdGenerator):
    """Begins each trace under the id that its request has in the log and in its answer."""

    trace_id: int = 0

    def generate_trace_id(self) -> int:
        return self.trace_id


class Delivery(SpanExporter):
    """Counts what the collector took and what was lost."""

    def __init__(self, exporter: SpanExporter, metrics: TraceMetrics) -> None:
        self.taken = 0
        self._exporter = exporter
        self._metrics = metrics
        self._is_failing = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        result = self._exporter.export(spans)
        is_failing = result is not SpanExportResult.SUCCESS
        (self._metrics.dropped if is_failing else self._metrics.exported).inc(len(spans))
        if is_failing != self._is_failing:
            self._is_failing = is_failing
            logger.log(*(_LOST if is_failing else _TAKEN))
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


_LOST = (logging.WARNING, "spans can't be delivered and are dropped")
_TAKEN = (logging.INFO, "spans are delivered again")


class Waiting(BatchSpanProcessor):
    """Spans that wait for their batch. When too many do, the newest is dropped and counted, in silence."""

    def __init__(self, delivery: Delivery, metrics: TraceMetrics) -> None:
        super().__init__(delivery, max_queue_size=_MOST_WAITING)
        self._delivery = delivery
        self._metrics = metrics
        self._given = 0

    def on_end(self, span: ReadableSpan) -> None:
        # Each of the two numbers is written by one thread only.
        if self._given - self._delivery.taken >= _MOST_WAITING:
            self._metrics.dropped.inc()
            return
        self._given += 1
        super().on_end(span)


class Exporting:
    """The SDK, set up by its own variables beside our settings."""

    def __init__(self, settings: Settings, version: str, metrics: TraceMetrics) -> None:
        for name in _SILENT:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._delivery = Delivery(_new_exporter(settings), metrics)
        # The draw has been made already when a span is asked for; a second one would square the ratio.
        self.ids = GivenIds()
        self._provider = TracerProvider(ALWAYS_ON, _resource(version), shutdown_on_exit=False, id_generator=self.ids)
        self._provider.add_span_processor(Waiting(self._delivery, metrics))
        self.tracer = self._provider.get_tracer("signet", version)

    def close(self, patience: timedelta) -> None:
        """Send what is left, then stop; after `patience` what is left is lost. Blocks."""
        # A daemon, so that a collector that never answers does not keep the process alive.
        closing = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        closing.start()
        closing.join(patience.total_seconds())
        if closing.is_alive():
            logger.warning("the last spans could not be delivered in time", extra={"seconds": patience.total_seconds()})
            self._delivery.shutdown()


def _new_exporter(settings: Settings) -> SpanExporter:
    if settings.trace_protocol == "grpc":
        # Left out of the image for its size; the settings have made sure that it is there.
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc  # noqa: PLC0415

        return Grpc()
    return OTLPSpanExporter()


def _resource(version: str) -> Resource:
    """Say who we are; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say it better."""
    told = OTELResourceDetector().detect().attributes
    return Resource.create({"service.name": "signet", "service.version": version, **told})
