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


def to_bytes(changes: tuple[Change, ...]) -> bytes:
    return orjson.dumps([[change.kind, change.subject and str(change.subject), change.value] for change in changes])


def from_bytes(raw: bytes) -> list[Change]:
    """Read what another replica announced, as far as this build knows it; nonsense is a ValueError or TypeError."""
    return [
        Change(Kind(kind), UUID(str(subject)) if subject else None, int(value))
        for kind, subject, value in orjson.loads(raw)
        if kind in KNOWN
    ]
