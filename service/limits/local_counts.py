"""Counting in this process, for the time without Redis: the same rules, bounded memory."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import TypeVar

from service.limits.policies import Lockout, Policy

Value = TypeVar("Value")

_MOST_KEYS = 50_000


@dataclass(slots=True)
class LocalCounts:
    """GCRA and lockout in memory. The least recently used key goes first when there are too many."""

    now: Callable[[], float] = monotonic
    away_at: float = float("-inf")
    _arrivals: OrderedDict[str, float] = field(default_factory=OrderedDict)
    _failures: OrderedDict[str, tuple[int, float]] = field(default_factory=OrderedDict)

    def note_away(self) -> None:
        """Note that Redis was away just now."""
        self.away_at = self.now()

    def remembers(self, policy: Policy) -> bool:
        """Tell whether Redis was away so lately that requests counted here then are still to be counted."""
        return self.now() - self.away_at < policy.seconds

    def take(self, key: str, policy: Policy) -> float:
        """Count one request; gives 0 when it may pass, else after how many milliseconds it may."""
        now = self.now() * 1000
        arrival = max(self._arrivals.get(key, now), now)
        late = arrival + policy.emission_ms * (1 - policy.limit) - now
        if late > 0:
            return late
        _remember(self._arrivals, key, arrival + policy.emission_ms)
        return 0.0

    def give_back(self, key: str, policy: Policy) -> None:
        if key in self._arrivals:
            self._arrivals[key] -= policy.emission_ms

    def delay(self, key: str) -> float:
        """Say for how many seconds this account still waits."""
        _, until = self._failures.get(key, (0, 0.0))
        return max(0.0, until - self.now())

    def fail(self, key: str, lockout: Lockout) -> None:
        known, until = self._failures.get(key, (0, 0.0))
        failures = 1 if until + lockout.kept < self.now() else known + 1
        _remember(self._failures, key, (failures, self.now() + lockout.delay(failures)))

    def clear(self, key: str) -> None:
        self._failures.pop(key, None)


def _remember(kept: OrderedDict[str, Value], key: str, value: Value) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > _MOST_KEYS:
        kept.popitem(last=False)
