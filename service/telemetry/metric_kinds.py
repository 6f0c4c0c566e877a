"""The kinds of metrics: what is read only when somebody looks, and how several workers' gauges become one."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.samples import Sample

STORE_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


@dataclass(slots=True)
class Tally:
    """A number counted plainly where a counter's lock would be felt, and folded into its counter at each look."""

    counter: Counter
    count: int = 0

    def fold(self) -> None:
        counted, self.count = self.count, 0
        self.counter.inc(counted)


class Timings(Histogram):
    """A histogram that is counted plainly and told at each look: its two locks cost more than the counting.

    `Histogram.observe` has no word for many at once, so its cells are added to directly; a test compares them with what
    it would have done. Only the thread of the event loop may observe.
    """

    def _metric_init(self) -> None:
        super()._metric_init()
        self._counts = [0] * len(self._upper_bounds)
        self._seconds = 0.0

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        """Count a duration in seconds; with an exemplar as the library does."""
        if exemplar is not None:
            super().observe(amount, exemplar)
            return
        self._counts[bisect_left(self._upper_bounds, amount)] += 1
        self._seconds += amount

    def fold(self) -> None:
        """Tell what was counted; for those with labels, of all of them."""
        if self._labelnames and not self._labelvalues:
            for child in list(self._metrics.values()):
                cast("Timings", child).fold()
            return
        counts, self._counts = self._counts, [0] * len(self._counts)
        seconds, self._seconds = self._seconds, 0.0
        for bucket, count in zip(self._buckets, counts, strict=True):
            bucket.inc(count)
        self._sum.inc(seconds)

    def _child_samples(self) -> Iterable[Sample]:
        self.fold()
        return super()._child_samples()


@dataclass(slots=True)
class RequestTally:
    """Requests of one kind, counted plainly: locks were a tenth of what a warm read costs (measured)."""

    requests: Tally
    duration: Timings

    def observe(self, seconds: float) -> None:
        self.requests.count += 1
        self.duration.observe(seconds)

    def fold(self) -> None:
        self.requests.fold()
        self.duration.fold()


def begin(counter: Counter, *series: tuple[str, ...]) -> None:
    """Show these series from the start, at 0: a rate over a series that is not there yet misses its first event."""
    for labels in series:
        counter.labels(*labels)


def sum_of(name: str, words: str, registry: CollectorRegistry) -> Gauge:
    """Make a gauge that adds up over the workers that live."""
    return Gauge(name, words, registry=registry, multiprocess_mode="livesum")


def most_of(name: str, words: str, registry: CollectorRegistry, labels: tuple[str, ...] = ()) -> Gauge:
    """Make a gauge that shows the greatest of the workers that live."""
    return Gauge(name, words, labels, registry=registry, multiprocess_mode="livemax")


def least_of(name: str, words: str, registry: CollectorRegistry) -> Gauge:
    """Make a gauge that shows the least of the workers that live."""
    return Gauge(name, words, registry=registry, multiprocess_mode="livemin")
