"""How long the server takes from its start until it is ready, with stores up."""

from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import monotonic

from tests.bench.measuring import as_shipped
from tests.kit.environment import Addresses

STARTS, LIMIT_SECONDS = 5, 2.0


@dataclass(frozen=True)
class Starts:
    """Seconds from the start of the process to the first time it says that it is ready."""

    seconds: list[float]

    @property
    def is_kept(self) -> bool:
        return median(self.seconds) <= LIMIT_SECONDS

    def __str__(self) -> str:
        spread = f"{min(self.seconds):.2f}..{max(self.seconds):.2f}; at most {LIMIT_SECONDS:g}"
        return f"From the start of the process until it is ready: {median(self.seconds):.2f} s ({spread})."


async def measure(stores: Addresses, folder: Path) -> Starts:
    """Start it some times, one after the other."""
    seconds = []
    for number in range(STARTS):
        began = monotonic()
        async with as_shipped(stores, folder / f"start-{number}.log", {}):
            seconds.append(monotonic() - began)
    return Starts(seconds)
