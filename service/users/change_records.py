"""The SQL of changing users. Nothing here begins or commits a transaction."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Boolean,
    Text,
    all_,
    bindparam,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    text,
    update,
)

from service.storage import Connection
from service.storage.statements import statement
from service.storage.tables import User, UserRole, UserTerm
from service.users.records import ROLES, WIRE, Credentials, UserRow, add_roles, add_terms, find, user_row

_ADMINS_LOCK = 0x5167_6E65_7400_0003


@dataclass(frozen=True, slots=True)
class Expected:
    """The version an update is for; None means whatever it is."""

    version: int | None = None

    def parameters(self) -> dict[str, object]:
        return {"any_version": self.version is None, "version": self.version or 0}


@dataclass(frozen=True, slots=True)
class Edit:
    """What of a user is to change."""

    sets_name: bool = False
    name: str | None = None
    verified: bool = False


RAISED = {"version": User.version + 1, "updated_at": func.clock_timestamp()}
IS_EXPECTED = or_(bindparam("any_version", type_=Boolean), User.version == bindparam("version"))

DROP_ROLES = statement(
    "users.drop_roles",
    delete(UserRole)
    .where(UserRole.user_id == bindparam("user_id"), UserRole.role != all_(bindparam("kept", type_=ARRAY(Text))))
    .returning(UserRole.role),
)
DROP_TERMS = statement("users.drop_terms", delete(UserTerm).where(UserTerm.user_id == bindparam("user_id")))
_name = case((bindparam("sets_name", type_=Boolean), bindparam("name", type_=Text)), else_=User.display_name)
_verified = User.email_verified | bindparam("verified", type_=Boolean)
_is_edited = _name.is_distinct_from(User.display_name) | _verified.is_distinct_from(User.email_verified)
EDIT = statement(
    "users.edit",
    update(User)
    .where(User.id == bindparam("user_id"), User.status != "closed", IS_EXPECTED, _is_edited)
    .values(display_name=_name, email_verified=_verified, **RAISED)
    .returning(User.id),
)
MOVE_STATUS = statement(
    "users.move_status",
    update(User)
    .where(User.id == bindparam("user_id"), User.status == bindparam("former"))
    .values(status=bindparam("latter"), epoch=User.epoch + 1, **RAISED)
    .returning(User.id),
)
CLOSE = statement(
    "users.close",
    update(User)
    .where(User.id == bindparam("user_id"), User.status != "closed", IS_EXPECTED)
    .values(
        status="closed",
        email=None,
        email_key=None,
        display_name=None,
        password_hash=None,
        password_scheme=None,
        email_verified=False,
        epoch=User.epoch + 1,
        **RAISED,
    )
    .returning(*WIRE),
)
RAISE_FOR_ROLES = statement(
    "users.raise_for_roles",
    update(User)
    .where(
        User.id == bindparam("user_id"),
        User.status != "closed",
        IS_EXPECTED,
        ROLES.element != bindparam("roles", type_=ARRAY(Text)),
    )
    .values(epoch=User.epoch + 1, **RAISED)
    .returning(User.epoch),
)
REPLACE_PASSWORD = statement(
    "users.replace_password",
    update(User)
    .where(
        User.id == bindparam("user_id"), User.status == "active", User.password_version == bindparam("password_version")
    )
    .values(
        password_hash=bindparam("hash"),
        password_scheme=bindparam("scheme"),
        password_version=User.password_version + 1,
        epoch=User.epoch + 1,
    )
    .returning(User.epoch),
)
REHASH = statement(
    "users.rehash",
    update(User)
    .where(User.id == bindparam("user_id"), User.password_hash == bindparam("verified"))
    .values(password_hash=bindparam("hash"), password_scheme=bindparam("scheme")),
)
LOCK_ADMINS = statement("users.lock_admins", text(f"SELECT pg_advisory_xact_lock({_ADMINS_LOCK})"))
_active_admin = exists().where(UserRole.role == "admin", UserRole.user_id == User.id, User.status == "active")
IS_ADMIN = statement("users.is_active_admin", select(_active_admin.where(User.id == bindparam("user_id"))))
HAS_ADMIN = statement("users.has_active_admin", select(_active_admin))


async def edit(connection: Connection, user_id: UUID, edit: Edit, expected: Expected) -> UserRow | None:
    """Change what is to be changed. None when id or version don't fit, or when nothing would be different."""
    asked = {"user_id": user_id, **asdict(edit), **expected.parameters()}
    edited = await _find_changed(connection, await connection.scalar(EDIT, asked))
    if edited is not None and edit.sets_name:
        await connection.execute(DROP_TERMS, {"user_id": user_id})
        await add_terms(connection, user_id, edited.email, edited.display_name)
    return edited


async def move_status(connection: Connection, user_id: UUID, former: str, latter: str) -> UserRow | None:
    """Suspend or reinstate; None when the user is not in the former state."""
    asked = {"user_id": user_id, "former": former, "latter": latter}
    return await _find_changed(connection, await connection.scalar(MOVE_STATUS, asked))


async def _find_changed(connection: Connection, user_id: UUID | None) -> UserRow | None:
    """Read a user that was just changed, in a statement of its own.

    The one that changed it may have waited for another that changed the roles, and would show those of before.
    """
    return None if user_id is None else await find(connection, user_id)


async def close(connection: Connection, user_id: UUID, expected: Expected) -> UserRow | None:
    """Erase what is personal; the address is free again. None when id or version don't fit."""
    row = await connection.execute(CLOSE, {"user_id": user_id, **expected.parameters()})
    closed = user_row(row.one_or_none())
    if closed is not None:
        await connection.execute(DROP_TERMS, {"user_id": user_id})
        await connection.execute(DROP_ROLES, {"user_id": user_id, "kept": []})
    return closed


async def set_roles(connection: Connection, user_id: UUID, roles: Sequence[str], expected: Expected) -> bool:
    """Give a user exactly these roles and a new epoch; False when nothing changed. Hold the admins' lock."""
    wanted = sorted(set(roles))
    raised = await connection.scalar(RAISE_FOR_ROLES, {"user_id": user_id, "roles": wanted, **expected.parameters()})
    if raised is None:
        return False
    await connection.execute(DROP_ROLES, {"user_id": user_id, "kept": wanted})
    await add_roles(connection, user_id, wanted)
    return True


async def replace_password(connection: Connection, seen: Credentials, password_hash: str, scheme: str) -> int | None:
    """Set a new password if nobody did since `seen`; gives the new epoch."""
    parameters = {
        "user_id": seen.user_id,
        "password_version": seen.password_version,
        "hash": password_hash,
        "scheme": scheme,
    }
    row = (await connection.execute(REPLACE_PASSWORD, parameters)).one_or_none()
    return row.epoch if row else None


async def rehash(connection: Connection, verified: Credentials, password_hash: str, scheme: str) -> None:
    """Store the same password under current parameters, unless it was replaced meanwhile."""
    parameters = {
        "user_id": verified.user_id,
        "verified": verified.password_hash,
        "hash": password_hash,
        "scheme": scheme,
    }
    await connection.execute(REHASH, parameters)


async def lock_admins(connection: Connection) -> None:
    """Wait until no other transaction takes `admin` away or ends an admin."""
    await connection.execute(LOCK_ADMINS)


async def is_active_admin(connection: Connection, user_id: UUID) -> bool:
    return bool(await connection.scalar(IS_ADMIN, {"user_id": user_id}))


async def has_active_admin(connection: Connection) -> bool:
    return bool(await connection.scalar(HAS_ADMIN))
