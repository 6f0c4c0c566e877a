"""The mixed day for long: what grows must stop growing, what was borrowed must come back."""

from dataclasses import replace

from loadtests.evidence import Evidence
from loadtests.exposition import Unreadable
from loadtests.gates import Gate, at_most
from loadtests.scenario import Phase
from loadtests.scenarios import mixed

PHASES = (Phase("warm-up", 60), Phase("baseline", 30), Phase("day", 510))
# Beside what a process held when half of the day was over.
MOST_GROWTH = 1.10
_MEMORY, _TASKS, _IN_USE = "process_resident_memory_bytes", "signet_asyncio_tasks", "signet_database_pool_in_use"


def growth(metric: str) -> Gate:
    """Hold the last look at a metric beside the one at half of the day, of the replica that grew most."""

    def figure(evidence: Evidence) -> float:
        begin, end = evidence.scenario.span("day")
        half = [moment for moment in evidence.moments if moment.second <= (begin + end) / 2][-1]
        last = evidence.moments[-1]
        pairs = [
            (before.sum(metric), after.sum(metric))
            for before, after in zip(half.readings, last.readings, strict=True)
            if before is not None and after is not None
        ]
        if not pairs:
            raise Unreadable("no replica could be read")
        return max(after / max(before, 1.0) for before, after in pairs)

    return at_most(MOST_GROWTH, f"growth of {metric}", figure, unit="x")


def still_in_use(evidence: Evidence) -> float:
    last = [reading for reading in evidence.moments[-1].readings if reading is not None]
    return sum(reading.sum(_IN_USE) for reading in last)


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
