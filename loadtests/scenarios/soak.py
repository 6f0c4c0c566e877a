"""The mixed day for long: what grows must stop growing, what was borrowed must come back."""

from dataclasses import replace

from loadtests.evidence import Evidence
from loadtests.exposition import Unreadable
from loadtests.gates import Gate, at_most
from loadtests.scenario import Phase
from loadtests.scenarios import mixed

PHASES = (Phase("warm-up", 60), Phase("baseline", 30), Phase("day", 510))
# Beside what a process held in the second third of the day.
MOST_GROWTH = 1.10
_MEMORY, _TASKS, _IN_USE = "process_resident_memory_bytes", "signet_asyncio_tasks", "signet_database_pool_in_use"


def growth(metric: str) -> Gate:
    """Hold the last third of the day beside the second, of the replica that grew most.

    The least of all looks counts: what some of them catch in flight, such as the memory of a hash, is no growth.
    """

    def figure(evidence: Evidence) -> float:
        begin, end = evidence.scenario.span("day")
        third = (end - begin) / 3
        before, after = (_least(evidence, metric, last - third, last) for last in (end - third, end))
        return max(new / max(old, 1.0) for old, new in zip(before, after, strict=True))

    return at_most(MOST_GROWTH, f"growth of {metric}", figure, unit="x")


def _least(evidence: Evidence, metric: str, begin: float, end: float) -> list[float]:
    """Give the least value each replica showed in these seconds."""
    seen = [moment.readings for moment in evidence.moments if begin <= moment.second <= end]
    looks = [[reading.sum(metric) for reading in replica if reading is not None] for replica in zip(*seen, strict=True)]
    if not looks or not all(looks):
        raise Unreadable("a replica could not be read")
    return [min(values) for values in looks]


def still_in_use(evidence: Evidence) -> float:
    if not evidence.moments:
        raise Unreadable("no replica was looked at")
    return sum(reading.sum(_IN_USE) for reading in evidence.moments[-1].complete)


SCENARIO = replace(
    mixed.SCENARIO,
    name="soak",
    about="The mixed day for ten minutes, or for as many hours as LENGTH says.",
    phases=PHASES,
    gates=(
        *mixed.GATES,
        growth(_MEMORY),
        growth(_TASKS),
        at_most(0.0, "connections in use afterwards", still_in_use),
    ),
)
