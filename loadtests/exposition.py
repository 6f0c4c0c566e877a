"""One scrape of one replica, parsed."""

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families


class Unreadable(Exception):  # noqa: N818 - an outcome
    """A figure can't be read from what the run has left behind; its gate has failed."""


@dataclass(frozen=True)
class Reading:
    """Every sample of one scrape, and the families that were there at all."""

    samples: dict[tuple[str, frozenset[tuple[str, str]]], float]
    families: frozenset[str]

    @classmethod
    def of(cls, text: str) -> "Reading":
        try:
            families = list(text_string_to_metric_families(text))
        except ValueError as reason:
            raise Unreadable("what a replica told are no metrics") from reason
        samples = {
            (sample.name, frozenset(sample.labels.items())): float(sample.value)
            for family in families
            for sample in family.samples
        }
        return cls(samples, frozenset(family.name for family in families))

    def sum(self, name: str, /, **labels: str) -> float:
        """Add up the samples that have these labels, among others. What was never counted is 0, if it could be."""
        self._refuse_unknown(name)
        wanted = frozenset(labels.items())
        return sum(value for (its_name, its), value in self.samples.items() if its_name == name and wanted <= its)

    def by(self, name: str, label: str) -> dict[str, float]:
        """Add up the samples of a name by one of their labels."""
        self._refuse_unknown(name)
        found: dict[str, float] = {}
        for (its_name, labels), value in self.samples.items():
            if its_name == name:
                key = dict(labels).get(label, "")
                found[key] = found.get(key, 0.0) + value
        return found

    def less(self, before: "Reading") -> "Reading":
        """Give what was counted between two scrapes of the same process."""
        started = "process_start_time_seconds"
        if self.sum(started) != before.sum(started):
            raise Unreadable("a replica was restarted during the run")
        samples = {key: value - before.samples.get(key, 0.0) for key, value in self.samples.items()}
        return Reading(samples, self.families)

    def _refuse_unknown(self, name: str) -> None:
        suffixes = ("", "_total", "_count", "_sum", "_bucket", "_created")
        if not any(name == family + suffix for family in self.families for suffix in suffixes):
            raise Unreadable(f"no replica tells {name}")


def added(readings: Iterable[Reading]) -> Reading:
    """Add the same samples of several replicas."""
    samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    families: frozenset[str] = frozenset()
    for reading in readings:
        families |= reading.families
        for key, value in reading.samples.items():
            samples[key] = samples.get(key, 0.0) + value
    return Reading(samples, families)
