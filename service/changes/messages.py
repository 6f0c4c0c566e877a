"""The changes there are. They commute: hearing one twice, late or out of order does no harm."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import orjson

CHANNEL = "signet:changes"


class Kind(StrEnum):
    """What a change says."""

    USER = "user"  # the representation of `subject` has reached version `value`
    EPOCH = "epoch"  # access tokens of `subject` below epoch `value` are over
    SESSION = "session"  # the session `subject` is over
    KEYS = "keys"  # signing keys have changed: load them again


# During a rollout newer builds may write kinds that this one does not know: they say nothing to it.
KNOWN = frozenset(Kind)


@dataclass(frozen=True, slots=True)
class Change:
    """One fact that every replica must hear of."""

    kind: Kind
    subject: UUID | None = None
    value: int = 0


def user_changed(user_id: UUID, version: int) -> Change:
    return Change(Kind.USER, user_id, version)


def epoch_raised(user_id: UUID, epoch: int) -> Change:
    return Change(Kind.EPOCH, user_id, epoch)


def session_over(session_id: UUID) -> Change:
    return Change(Kind.SESSION, session_id)


def keys_changed() -> Change:
    return Change(Kind.KEYS)


# Stands in an announcement beside the changes, as if it were one: builds that do not know it pass it by.
_SENT_AT = "sent_at"


def to_bytes(changes: tuple[Change, ...], sent_at: float) -> bytes:
    """Write an announcement; `sent_at` are seconds since the epoch by Postgres' clock."""
    written = [[change.kind, change.subject and str(change.subject), change.value] for change in changes]
    return orjson.dumps([*written, [_SENT_AT, None, sent_at]])


def from_bytes(raw: bytes) -> tuple[list[Change], float | None]:
    """Read what another replica announced, as far as this build knows it, and when; nonsense is Value- or TypeError."""
    read = orjson.loads(raw)
    sent_at = next((float(value) for kind, _, value in read if kind == _SENT_AT), None)
    changes = [
        Change(Kind(kind), UUID(str(subject)) if subject else None, int(value))
        for kind, subject, value in read
        if kind in KNOWN
    ]
    return changes, sent_at
