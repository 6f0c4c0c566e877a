"""What is worth an audit event. Ids only: no address, no name, no secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID


class Kind(StrEnum):
    """What happened. The words are frozen: others search for them."""

    USER_REGISTERED = "user.registered"
    USER_CREATED = "user.created"
    USER_CHANGED = "user.changed"
    USER_SUSPENDED = "user.suspended"
    USER_REINSTATED = "user.reinstated"
    USER_CLOSED = "user.closed"
    ROLES_CHANGED = "user.roles_changed"
    PASSWORD_CHANGED = "user.password_changed"  # noqa: S105 - the name of an event
    SIGNED_IN = "session.signed_in"
    SESSION_ENDED = "session.ended"
    SESSIONS_ENDED = "session.all_ended"
    REPLAYED = "session.replayed"
    MOVED_FORWARD = "session.moved_forward"
    KEY_ROTATED = "key.rotated"


@dataclass(frozen=True, slots=True)
class Event:
    """One event: `user_id` is whom it is about, `actor_id` who did it (None: the service or its operator)."""

    kind: Kind
    user_id: UUID | None
    actor_id: UUID | None = None
    session_id: UUID | None = None
    details: Mapping[str, str | int | list[str]] = field(default_factory=dict)
