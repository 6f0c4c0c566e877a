"""What this process does when it hears of a change. Hearing twice, late or out of order does no harm."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from time import monotonic

from service.changes.messages import Change, Kind
from service.security.revocations import Revocations
from service.storage import cache_keys
from service.storage.cache import Cache

# Redis tells it at once, the poll within a second; a minute covers a poll that is late.
_LATELY_SECONDS = 60.0
_MOST_LATELY = 10_000


@dataclass(slots=True)
class Hearing:
    """Turns changes into what memory must know. Keys need a store, so they are only asked for here."""

    profiles: Cache
    revocations: Revocations
    keys_wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _lately: OrderedDict[Change, float] = field(default_factory=OrderedDict)

    def hear(self, change: Change) -> bool:
        """Take it in; tells whether it is news, and not the second telling of what was heard a moment ago."""
        if change.kind is Kind.KEYS:
            self.keys_wanted.set()
        elif change.subject is None:
            return False
        elif change.kind is Kind.USER:
            self.profiles.raise_least(cache_keys.profile(str(change.subject)), change.value)
        elif change.kind is Kind.EPOCH:
            self.revocations.raise_epoch(change.subject, change.value)
        elif change.kind is Kind.SESSION:
            self.revocations.end_session(change.subject)
        return self._is_news(change)

    def start_over(self) -> None:
        """Forget what a database said that may have lost it since; whoever was signed out stays signed out.

        An epoch or a version that was lost will be given again, to somebody else's token and to other bytes.
        """
        self.profiles.outdate()
        self.revocations.forget_epochs()
        self.keys_wanted.set()

    def _is_news(self, change: Change) -> bool:
        now = monotonic()
        while self._lately and (
            len(self._lately) > _MOST_LATELY or next(iter(self._lately.values())) < now - _LATELY_SECONDS
        ):
            self._lately.popitem(last=False)
        return self._lately.setdefault(change, now) == now
