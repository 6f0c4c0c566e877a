"""The kinds of metrics: what is read only when somebody looks, and how several workers' gauges become one."""

from bisect import bisect_left
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

STORE_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


@dataclass(slots=True)
class Tally:
    """A number counted plainly where a counter's lock would be felt, and folded into its counter at each look."""

    counter: Counter
    count: int = 0

    def fold(self) -> None:
        counted, self.count = self.count, 0
        self.counter.inc(counted)


@dataclass(slots=True)
class RequestTally:
    """Requests of one kind, counted plainly and folded into counter and histogram at each look.

    Their three locks were a tenth of what a warm read costs (measured). `Histogram.observe` has no word for many at
    once, so its cells are added to directly; a test compares them with what it would have done.
    """

    counter: Counter
    histogram: Histogram
    seconds: float = 0.0
    counts: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counts = [0] * len(self.histogram._upper_bounds)  # noqa: SLF001

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(self.histogram._upper_bounds, seconds)] += 1  # noqa: SLF001
        self.seconds += seconds

    def fold(self) -> None:
        counts, self.counts = self.counts, [0] * len(self.counts)
        seconds, self.seconds = self.seconds, 0.0
        for bucket, count in zip(self.histogram._buckets, counts, strict=True):  # noqa: SLF001
            bucket.inc(count)
        self.histogram._sum.inc(seconds)  # noqa: SLF001
        self.counter.inc(sum(counts))


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
