"""What a run has left behind, as gates read it. Whatever is missing raises Unreadable."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from loadtests.exposition import Reading, Unreadable, added
from loadtests.scenario import Scenario
from loadtests.tally import Cell, Tally

WARM_UP = "warm-up"


@dataclass
class Moment:
    """One look at every replica and at Postgres. None: it could not be looked at."""

    second: float
    readings: list[Reading | None]
    connections: int | None = None

    @property
    def complete(self) -> list[Reading]:
        """Give the readings of all replicas; unreadable where one could not be looked at."""
        found = [reading for reading in self.readings if reading is not None]
        if not found or len(found) < len(self.readings):
            raise Unreadable("a replica could not be read")
        return found


@dataclass(frozen=True, slots=True)
class Threads:
    """Processor seconds of all workers until then.

    `loops` are those of the threads of event loops, `others` those of all other threads: nearly all of it hashes.
    """

    second: float
    loops: float
    others: float


@dataclass
class Evidence:
    """Everything there is to judge a run by. `facts` are what the scenario's own environment adds."""

    scenario: Scenario
    tally: Tally
    seen: set[int]
    moments: list[Moment]
    connections: list[tuple[float, int]] = field(default_factory=list)
    threads: list[Threads] = field(default_factory=list)
    statements: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def replicas(self) -> int:
        return len(self.moments[0].readings) if self.moments else 0

    def seconds(self, phase: str) -> float:
        begin, end = self.scenario.span(phase)
        return end - begin

    def wanted(self, name: str, phase: str | None = None, *, outcome: str | None = None) -> Callable[[Cell], bool]:
        """Choose cells of the tally: of one phase, or of all but the warm-up."""
        spans = [self.scenario.span(each.name) for each in self.scenario.phases if each.name == (phase or each.name)]
        if phase is None:
            spans = [self.scenario.span(each.name) for each in self.scenario.phases if each.name != WARM_UP]
        return lambda cell: (
            cell[1] == name and outcome in {None, cell[2]} and any(begin <= cell[0] < end for begin, end in spans)
        )

    def count(self, name: str, phase: str | None = None, *, outcome: str | None = None) -> int:
        return self.tally.count(self.wanted(name, phase, outcome=outcome))

    def percentile(self, share: float, name: str, phase: str | None = None, *, outcome: str | None = None) -> float:
        """Give a latency in milliseconds."""
        found = self.tally.percentile(share, self.wanted(name, phase, outcome=outcome))
        if found is None:
            raise Unreadable(f"nobody asked for: {name}{f' in {phase}' if phase else ''}")
        return found

    def outcomes(self, name: str, phase: str | None = None) -> dict[str, int]:
        chosen, found = self.wanted(name, phase), dict[str, int]()
        for cell, histogram in self.tally.cells.items():
            if chosen(cell):
                found[cell[2]] = found.get(cell[2], 0) + sum(histogram.values())
        return found

    def delta(self, phase: str | None = None) -> Reading:
        """Give what all replicas counted in a phase; without one, from before the run until after it."""
        return added(self.deltas(phase))

    def deltas(self, phase: str | None = None) -> list[Reading]:
        """Give the same of each replica."""
        before, after = self.moments[0], self.moments[-1]
        if phase is not None:
            begin, end = self.scenario.span(phase)
            before, after = self._nearest(begin), self._nearest(end)
        pairs = list(zip(before.readings, after.readings, strict=True))
        if not pairs:
            raise Unreadable("no replica was named whose metrics could be read")
        return [_less(old, new) for old, new in pairs]

    def threads_in(self, phase: str) -> Threads:
        """Give the processor seconds that threads used in a phase; only where the workers are ours to look at."""
        if not self.threads:
            raise Unreadable("the service's processes are on another machine")
        begin, end = self.scenario.span(phase)
        first, last = (min(self.threads, key=lambda look: abs(look.second - second)) for second in (begin, end))
        return Threads(last.second - first.second, last.loops - first.loops, last.others - first.others)

    def series(self, of: Callable[[Reading], float]) -> list[tuple[float, float]]:
        """Give the sum over replicas at every look that saw all of them."""
        return [
            (moment.second, sum(of(reading) for reading in moment.readings if reading is not None))
            for moment in self.moments
            if all(moment.readings)
        ]

    def _nearest(self, second: float) -> Moment:
        return min(self.moments, key=lambda moment: abs(moment.second - second))


def _less(before: Reading | None, after: Reading | None) -> Reading:
    if before is None or after is None:
        raise Unreadable("a replica's metrics could not be read before or after")
    return after.less(before)
