"""The SQL of sessions. Nothing here begins or commits a transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Interval, Label, Text, bindparam, func, insert, literal_column, select, text, update

from service.audit import records as audit
from service.audit.events import Kind
from service.storage import Connection
from service.storage.statements import statement
from service.storage.tables import Session, User


class Cause(StrEnum):
    """Why a session ended."""

    OWNER = "owner"
    SIGNED_OUT = "signed_out"
    ADMIN = "admin"
    REPLAY = "replay"
    PASSWORD = "password"  # noqa: S105 - a cause
    SUSPENDED = "suspended"
    CLOSED = "closed"
    TOO_MANY = "too_many"


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long sessions live; parameters of every statement, stored nowhere."""

    idle: timedelta
    age: timedelta
    grace: timedelta

    def parameters(self) -> dict[str, timedelta]:
        return {"idle": self.idle, "age": self.age, "grace": self.grace}


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A running session as its owner sees it."""

    id: UUID
    device: str | None
    address: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Signing:
    """A session together with what its tokens say of the user, and the database's time."""

    session_id: UUID
    user_id: UUID
    generation: int
    device: str | None
    created_at: datetime
    expires_at: datetime
    roles: list[str]
    epoch: int
    database_time: datetime


@dataclass(frozen=True, slots=True)
class NewSession:
    """A sign-in to be written if nothing about the user has changed since its password was read."""

    id: UUID
    user_id: UUID
    password_version: int
    device: str | None
    address: str | None


LAST_USED = func.coalesce(Session.rotated_at, Session.created_at)
EXPIRES = func.least(
    Session.created_at + bindparam("age", type_=Interval), LAST_USED + bindparam("idle", type_=Interval)
).label("expires_at")
_ROLES: Label[list[str]] = literal_column(
    "ARRAY(SELECT r.role FROM user_roles r WHERE r.user_id = sessions.user_id ORDER BY r.role)"
).label("roles")
_EPOCH: Label[int] = literal_column("(SELECT u.epoch FROM users u WHERE u.id = sessions.user_id)").label("epoch")
SIGNING = (
    Session.id,
    Session.user_id,
    Session.generation,
    Session.device,
    Session.created_at,
    EXPIRES,
    _ROLES,
    _EPOCH,
    func.clock_timestamp().label("now"),
)
_RUNNING = (Session.ended_at.is_(None), EXPIRES.element > func.clock_timestamp())

# The row of the user is locked and looked at again: a suspension or a new password in between wins.
_still_the_same = (
    select(
        bindparam("id", type_=Session.id.type),
        User.id,
        bindparam("device", type_=Text),
        bindparam("address", type_=Text),
    )
    .where(
        User.id == bindparam("user_id"),
        User.status == "active",
        User.password_version == bindparam("password_version"),
    )
    .with_for_update(read=True)
)
# The statement does not see its own row: one more than it counts.
_live: Label[int] = literal_column(
    "1 + (SELECT count(*) FROM sessions s WHERE s.user_id = sessions.user_id AND s.ended_at IS NULL)"
).label("live")
_started = (
    insert(Session)
    .from_select(["id", "user_id", "device", "address"], _still_the_same)
    .returning(*SIGNING, _live)
    .cte("started")
)
START = statement("sessions.start", select(_started).add_cte(audit.noting(_started)))
END = statement(
    "sessions.end",
    update(Session)
    .where(Session.id == bindparam("session_id"), Session.user_id == bindparam("owner"), *_RUNNING)
    .values(ended_at=func.clock_timestamp(), ended_by=bindparam("cause"))
    .returning(Session.id),
)
END_ALL = statement(
    "sessions.end_all",
    update(Session)
    .where(Session.user_id == bindparam("owner"), Session.ended_at.is_(None))
    .values(ended_at=func.clock_timestamp(), ended_by=bindparam("cause"))
    .returning(Session.id),
)
END_OTHERS = statement(
    "sessions.end_others",
    update(Session)
    .where(Session.user_id == bindparam("owner"), Session.ended_at.is_(None), Session.id != bindparam("kept"))
    .values(ended_at=func.clock_timestamp(), ended_by=bindparam("cause"))
    .returning(Session.id),
)
_oldest = (
    select(Session.id)
    .where(Session.user_id == bindparam("owner"), Session.ended_at.is_(None))
    .order_by(Session.created_at.desc(), Session.id.desc())
    .offset(bindparam("kept_count"))
)
TRIM = statement(
    "sessions.trim",
    update(Session)
    .where(Session.id.in_(_oldest), Session.ended_at.is_(None))
    .values(ended_at=func.clock_timestamp(), ended_by=bindparam("cause"))
    .returning(Session.id),
)
LIST = statement(
    "sessions.list",
    select(Session.id, Session.device, Session.address, Session.created_at, LAST_USED, EXPIRES)
    .where(Session.user_id == bindparam("owner"), *_RUNNING)
    .order_by(Session.created_at.desc(), Session.id.desc())
    .limit(bindparam("size")),
)
LIST_AFTER = statement(
    "sessions.list_after",
    select(Session.id, Session.device, Session.address, Session.created_at, LAST_USED, EXPIRES)
    .where(Session.user_id == bindparam("owner"), *_RUNNING, text("(created_at, id) < (:after_at, :after_id)"))
    .order_by(Session.created_at.desc(), Session.id.desc())
    .limit(bindparam("size")),
)
OWNER = statement("sessions.owner", select(Session.user_id).where(Session.id == bindparam("session_id")))
DEVICE = statement("sessions.device", select(Session.device).where(Session.id == bindparam("session_id")))
IS_STANDING = statement(
    "sessions.is_standing",
    select(Session.id)
    .join(User, User.id == Session.user_id)
    .where(Session.id == bindparam("session_id"), Session.ended_at.is_(None), User.epoch <= bindparam("epoch")),
)


async def start(
    connection: Connection, new: NewSession, lengths: Lengths, kind: Kind, details: Mapping[str, int]
) -> tuple[Signing, int] | None:
    """Write a session and the event it comes of, in one statement; tell how many sessions the user has now.

    None when the user changed meanwhile: nothing is written then.
    """
    parameters = {
        **audit.parameters(kind, details),
        "id": new.id,
        "user_id": new.user_id,
        "password_version": new.password_version,
        "device": new.device,
        "address": new.address,
        "idle": lengths.idle,
        "age": lengths.age,
    }
    row = (await connection.execute(START, parameters)).one_or_none()
    return (Signing(*row[:-1]), row.live) if row else None


async def end(connection: Connection, session_id: UUID, *, owner: UUID, cause: Cause, lengths: Lengths) -> bool:
    """End a running session of its owner; False when there is none, so that two callers can't both have ended it."""
    parameters = {"session_id": session_id, "owner": owner, "cause": cause, "idle": lengths.idle, "age": lengths.age}
    return (await connection.execute(END, parameters)).first() is not None


async def end_all(connection: Connection, owner: UUID, cause: Cause) -> list[UUID]:
    """End every session of a user.

    Its own statement, after the user's row was updated: it sees sign-ins that committed while that one waited.
    """
    return list((await connection.scalars(END_ALL, {"owner": owner, "cause": cause})).all())


async def end_others(connection: Connection, owner: UUID, kept: UUID, cause: Cause) -> list[UUID]:
    """End every session of a user but one; gives their ids."""
    return list((await connection.scalars(END_OTHERS, {"owner": owner, "kept": kept, "cause": cause})).all())


async def trim(connection: Connection, owner: UUID, kept_count: int) -> list[UUID]:
    """End the oldest sessions beyond `kept_count`; gives their ids."""
    parameters = {"owner": owner, "kept_count": kept_count, "cause": Cause.TOO_MANY}
    return list((await connection.scalars(TRIM, parameters)).all())


async def page(
    connection: Connection, owner: UUID, lengths: Lengths, after: tuple[datetime, UUID] | None, size: int
) -> list[SessionRow]:
    """List running sessions, newest first."""
    parameters: dict[str, Any] = {"owner": owner, "idle": lengths.idle, "age": lengths.age, "size": size}
    if after is None:
        rows = await connection.execute(LIST, parameters)
    else:
        rows = await connection.execute(LIST_AFTER, {**parameters, "after_at": after[0], "after_id": after[1]})
    return [SessionRow(*row) for row in rows]


async def find_owner(connection: Connection, session_id: UUID) -> UUID | None:
    """Find whose session this is or was."""
    return await connection.scalar(OWNER, {"session_id": session_id})


async def find_device(connection: Connection, session_id: UUID) -> str | None:
    """Find the name its user gave the device."""
    return await connection.scalar(DEVICE, {"session_id": session_id})


async def is_standing(connection: Connection, session_id: UUID, epoch: int) -> bool:
    """Ask the truth about an access token: is its session running, its epoch not outdated."""
    return await connection.scalar(IS_STANDING, {"session_id": session_id, "epoch": epoch}) is not None
