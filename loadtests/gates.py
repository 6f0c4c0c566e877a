"""Gates: what a figure may be, and what came of it. A gate that cannot be read has failed."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from operator import ge, le
from typing import Literal

from loadtests.evidence import WARM_UP, Evidence
from loadtests.exposition import Unreadable
from loadtests.tally import CPU, LATENESS, SKIPPED, Cell

Figure = Callable[[Evidence], float]

MOST_CPU, MOST_LATE_MS, MOST_SKIPPED, MOST_SILENT_SECONDS = 80.0, 100.0, 0.01, 4.0
_P95 = 0.95


class Outcome(IntEnum):
    """What a run ends with; the exit code."""

    GREEN = 0
    RED = 1
    VOID = 2


@dataclass(frozen=True, slots=True)
class Gate:
    """A figure, and its limit. `why` says where the limit comes from."""

    name: str
    figure: Figure
    kind: Literal["at most", "at least"]
    limit: float | Figure
    unit: str = ""
    why: str = ""

    def judge(self, evidence: Evidence) -> "Judged":
        try:
            limit = self.limit(evidence) if callable(self.limit) else self.limit
            figure = self.figure(evidence)
        except Unreadable as reason:
            return Judged(self, None, None, is_kept=False, trouble=str(reason))
        compare = le if self.kind == "at most" else ge
        return Judged(self, figure, limit, is_kept=compare(figure, limit))


@dataclass(frozen=True, slots=True)
class Judged:
    """A gate after the run."""

    gate: Gate
    figure: float | None
    limit: float | None
    is_kept: bool
    trouble: str = ""

    def __str__(self) -> str:
        if self.trouble:
            return f"{self.gate.name}: can't be read, {self.trouble}"
        words = "within" if self.is_kept else "but may be"
        return f"{self.gate.name}: {self.shown(self.figure)}, {words} {self.gate.kind} {self.shown(self.limit)}"

    def shown(self, value: float | None) -> str:
        if value is None:
            return "?"
        digits = 0 if value == round(value) and abs(value) < 1e9 else 3 if abs(value) < 10 else 1  # noqa: PLR2004
        return f"{value:,.{digits}f}{' ' if self.gate.unit else ''}{self.gate.unit}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """All gates of a run, and what makes it void."""

    judged: tuple[Judged, ...]
    void: tuple[str, ...]

    @property
    def outcome(self) -> Outcome:
        if self.void:
            return Outcome.VOID
        return Outcome.GREEN if not self.failed else Outcome.RED

    @property
    def failed(self) -> list[Judged]:
        return [judged for judged in self.judged if not judged.is_kept]


def at_most(limit: float | Figure, name: str, figure: Figure, *, unit: str = "", why: str = "") -> Gate:
    return Gate(name, figure, "at most", limit, unit, why)


def at_least(limit: float | Figure, name: str, figure: Figure, *, unit: str = "", why: str = "") -> Gate:
    return Gate(name, figure, "at least", limit, unit, why)


def judge(evidence: Evidence) -> Verdict:
    """Judge a run. What its generator could not do says nothing about Signet: such a run is void."""
    judged = tuple(gate.judge(evidence) for gate in (*evidence.scenario.gates, KEEPING_UP))
    return Verdict(judged, tuple(_find_void(evidence)))


def _find_void(evidence: Evidence) -> list[str]:
    first, reasons = _first_second(evidence), []
    workers = _last_words(evidence)
    if not workers:
        reasons.append("no generator told anything of itself")
    for worker, last in sorted(workers.items()):
        if last < evidence.scenario.seconds - MOST_SILENT_SECONDS:
            reasons.append(f"the generator {worker} was not heard of after second {last}")
        cpu = evidence.tally.percentile(_P95, _own(CPU, first, worker))
        late = evidence.tally.percentile(_P95, _own(LATENESS, first, worker))
        if cpu is None or late is None:
            reasons.append(f"the generator {worker} told nothing of itself after the warm-up")
            continue
        if cpu > MOST_CPU:
            reasons.append(f"the generator {worker} used {cpu:.0f} % of its core, of which {MOST_CPU:.0f} are its")
        if late > MOST_LATE_MS:
            reasons.append(
                f"the generator {worker} fell behind its schedule: it was {late:.0f} ms late, "
                f"of which {MOST_LATE_MS:.0f} are forgiven"
            )
    return reasons


def turns_left_out(evidence: Evidence) -> float:
    """Give the part of its turns that a crowd left out because it waited for answers; of the one that lost most.

    A generator that is late itself is found by its own lateness, and its run is void.
    """
    shares, first = [0.0], _first_second(evidence)
    for crowd in evidence.scenario.crowds:
        turns = crowd.per_second * sum(evidence.seconds(phase) for phase in crowd.during if phase != WARM_UP)
        if turns and not crowd.may_fall_behind:
            left_out = evidence.tally.count(_own(SKIPPED, first, crowd.kind))
            shares.append(left_out / (left_out + turns))
    return max(shares)


# Every scenario has it: latencies are of turns that were taken, and say nothing of those a stalled service prevented.
KEEPING_UP = at_most(MOST_SKIPPED, "turns left out", turns_left_out, why="answers were waited for too long")


def _first_second(evidence: Evidence) -> float:
    return next(evidence.scenario.span(phase.name)[0] for phase in evidence.scenario.phases if phase.name != WARM_UP)


def _last_words(evidence: Evidence) -> dict[str, int]:
    """Give the last second in which each generator told of itself."""
    last: dict[str, int] = {}
    for second, name, worker in evidence.tally.cells:
        if name == CPU:
            last[worker] = max(second, last.get(worker, second))
    return last


def _own(name: str, first: float, outcome: str | None = None) -> Callable[[Cell], bool]:
    return lambda cell: cell[1] == name and cell[0] >= first and outcome in {None, cell[2]}
