"""What this process refuses although its signature is good: ended sessions and outdated epochs."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from uuid import UUID

from service.security.claims import Claims


class Forgotten(Exception):  # noqa: N818 - an outcome
    """More was revoked than memory keeps; only Postgres can say whether this token still stands."""


@dataclass(slots=True)
class Revocations:
    """Bounded sets, keyed by the integer of an id; messages may come twice or late.

    An entry is kept as long as a token it refuses can live, measured by what no clock that is set can change.
    Past the bound the oldest entries go and `forgotten_until` says until when a token may have been one of theirs.
    """

    kept_seconds: float
    bound: int
    now: Callable[[], float] = monotonic
    forgotten_until: float = 0.0
    _sessions: OrderedDict[int, float] = field(default_factory=OrderedDict)
    _epochs: OrderedDict[int, tuple[int, float]] = field(default_factory=OrderedDict)

    def end_session(self, session_id: UUID) -> None:
        self._sessions[session_id.int] = self.now() + self.kept_seconds
        self._sessions.move_to_end(session_id.int)
        self._trim()

    def raise_epoch(self, user_id: UUID, epoch: int) -> None:
        known, _ = self._epochs.get(user_id.int, (0, 0.0))
        self._epochs[user_id.int] = (max(known, epoch), self.now() + self.kept_seconds)
        self._epochs.move_to_end(user_id.int)
        self._trim()

    def forget_epochs(self) -> None:
        """Forget the epochs: the database went back, and they will be raised to the same numbers again."""
        self._epochs.clear()

    def is_revoked(self, claims: Claims) -> bool:
        """Tell whether this token was revoked; raises Forgotten when memory can't tell."""
        if claims.session_id.int in self._sessions:
            return True
        known = self._epochs.get(claims.user_id.int)
        if known is not None and claims.epoch < known[0]:
            return True
        if self.forgotten_until and self.now() < self.forgotten_until:
            raise Forgotten
        return False

    def __len__(self) -> int:
        return len(self._sessions) + len(self._epochs)

    def _trim(self) -> None:
        now = self.now()
        while self._sessions and next(iter(self._sessions.values())) < now:
            self._sessions.popitem(last=False)
        while self._epochs and next(iter(self._epochs.values()))[1] < now:
            self._epochs.popitem(last=False)
        while len(self) > self.bound:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        if len(self._sessions) >= len(self._epochs):
            _, until = self._sessions.popitem(last=False)
        else:
            _, (_, until) = self._epochs.popitem(last=False)
        self.forgotten_until = max(self.forgotten_until, until)
