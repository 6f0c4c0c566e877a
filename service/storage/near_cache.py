"""The near cache: entries of this process, bounded by number and bytes."""

from collections import OrderedDict
from dataclasses import dataclass, field

from service.telemetry.metric_kinds import Tally

_ENTRY_OVERHEAD = 200


@dataclass(slots=True)
class Entry:
    """What is sent, and the version of what it shows. Version 0 with no body: there is nothing under this key.

    `answer` belongs to whoever renders the entry: what was rendered once is kept as long as the entry is.
    """

    version: int
    body: bytes
    answer: object = None


@dataclass(slots=True)
class NearCache:
    """Keeps entries a while beyond their freshness, for the time without Postgres. The oldest goes first."""

    most_entries: int
    most_bytes: int
    evictions: Tally
    size: int = 0
    _held: OrderedDict[str, tuple[Entry, float, float]] = field(default_factory=OrderedDict)

    def find_fresh(self, key: str, now: float) -> Entry | None:
        held = self._held.get(key)
        return held[0] if held is not None and now < held[1] else None

    def find_any(self, key: str, now: float) -> Entry | None:
        """Find an entry that may be outdated, but has something to show."""
        held = self._held.get(key)
        return held[0] if held is not None and now < held[2] and held[0].body else None

    def keep(self, key: str, entry: Entry, fresh_until: float, stale_until: float) -> None:
        self.drop(key)
        size = len(entry.body) + _ENTRY_OVERHEAD
        # What is larger than the whole cache would drive out all others and then itself.
        if self.most_entries <= 0 or size > self.most_bytes:
            return
        self._held[key] = (entry, fresh_until, stale_until)
        self.size += size
        while len(self._held) > self.most_entries or self.size > self.most_bytes:
            self.drop(next(iter(self._held)))
            self.evictions.count += 1

    def outdate(self) -> None:
        """Let nothing count as fresh any longer; it may still be shown while Postgres is away."""
        for key, (entry, _, stale_until) in self._held.items():
            self._held[key] = (entry, 0.0, stale_until)

    def drop(self, key: str) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            self.size -= len(held[0].body) + _ENTRY_OVERHEAD

    def __len__(self) -> int:
        return len(self._held)
