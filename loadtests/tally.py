"""Latencies by second, request and outcome: small enough to send around, exact to one percent."""

from collections.abc import Callable, Iterable
from math import ceil, exp, log
from typing import Any

# What a generator says of itself; no request has such a name.
LATENESS, CPU, SKIPPED = ".lateness", ".cpu", ".skipped"
_STEP = log(1.02)
_LEAST_MS = 0.01

Cell = tuple[int, str, str]
Wanted = Callable[[Cell], bool]


def bucket(value: float) -> int:
    return ceil(log(max(value, _LEAST_MS) / _LEAST_MS) / _STEP)


def middle(index: int) -> float:
    """Give the value a bucket stands for."""
    return _LEAST_MS * exp((index - 0.5) * _STEP) if index else _LEAST_MS


class Tally:
    """Histograms in cells of (second of the run, name, outcome). Tallies of several generators add up."""

    def __init__(self) -> None:
        self.cells: dict[Cell, dict[int, int]] = {}

    def add(self, second: int, name: str, outcome: str, value: float) -> None:
        histogram = self.cells.setdefault((second, name, outcome), {})
        index = bucket(value)
        histogram[index] = histogram.get(index, 0) + 1

    def drain(self) -> list[Any]:
        """Give everything as JSON can carry it, and begin anew."""
        drained = self.to_json()
        self.cells = {}
        return drained

    def to_json(self) -> list[Any]:
        return [[*cell, sorted(histogram.items())] for cell, histogram in self.cells.items()]

    def merge(self, drained: Iterable[Any]) -> None:
        for second, name, outcome, counts in drained:
            histogram = self.cells.setdefault((second, name, outcome), {})
            for index, count in counts:
                histogram[index] = histogram.get(index, 0) + count

    def count(self, wanted: Wanted) -> int:
        return sum(sum(histogram.values()) for cell, histogram in self.cells.items() if wanted(cell))

    def percentile(self, share: float, wanted: Wanted) -> float | None:
        """Give the value that this share of all wanted ones does not exceed; None when there are none."""
        merged: dict[int, int] = {}
        for cell, histogram in self.cells.items():
            if wanted(cell):
                for index, count in histogram.items():
                    merged[index] = merged.get(index, 0) + count
        rank = ceil(share * sum(merged.values()))
        for index in sorted(merged):
            rank -= merged[index]
            if rank <= 0:
                return middle(index)
        return None

    def names(self) -> list[str]:
        """List the names of requests; what begins with a dot is about the generator itself."""
        return sorted({name for _, name, _ in self.cells if not name.startswith(".")})

    def outcomes(self, name: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for (_, its_name, outcome), histogram in self.cells.items():
            if its_name == name:
                found[outcome] = found.get(outcome, 0) + sum(histogram.values())
        return dict(sorted(found.items()))
