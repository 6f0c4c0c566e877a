"""What this process does when it hears of a change. Hearing twice, late or out of order does no harm."""

import asyncio
from dataclasses import dataclass, field

from service.changes.messages import Change, Kind
from service.security.revocations import Revocations
from service.storage import cache_keys
from service.storage.cache import Cache


@dataclass(slots=True)
class Hearing:
    """Turns changes into what memory must know. Keys need a store, so they are only asked for here."""

    profiles: Cache
    revocations: Revocations
    keys_wanted: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, change: Change) -> None:
        if change.kind is Kind.KEYS:
            self.keys_wanted.set()
        elif change.subject is None:
            return
        elif change.kind is Kind.USER:
            self.profiles.raise_least(cache_keys.profile(str(change.subject)), change.value)
        elif change.kind is Kind.EPOCH:
            self.revocations.raise_epoch(change.subject, change.value)
        elif change.kind is Kind.SESSION:
            self.revocations.end_session(change.subject)

    def start_over(self) -> None:
        """Forget what a database said that may have lost it since; whoever was signed out stays signed out.

        An epoch or a version that was lost will be given again, to somebody else's token and to other bytes.
        """
        self.profiles.outdate()
        self.revocations.forget_epochs()
        self.keys_wanted.set()
