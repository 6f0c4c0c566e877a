"""The SQL of one user. Nothing here begins or commits a transaction."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    Row,
    Text,
    bindparam,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from service.storage import Connection
from service.storage.statements import statement
from service.storage.tables import User, UserRole, UserTerm
from service.users.terms import terms_of


@dataclass(frozen=True, slots=True)
class UserRow:
    """A user as the wire shows it, with the version and epoch behind it."""

    id: UUID
    email: str | None
    email_verified: bool
    display_name: str | None
    roles: list[str]
    status: str
    created_at: datetime
    updated_at: datetime
    version: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a sign-in compares with."""

    user_id: UUID
    status: str
    password_hash: str | None
    password_version: int


@dataclass(frozen=True, slots=True)
class NewRow:
    """A user to be inserted."""

    id: UUID
    email: str
    email_key: str
    email_verified: bool
    display_name: str | None
    password_hash: str | None
    password_scheme: str | None


ROLES = literal_column(
    "ARRAY(SELECT r.role FROM user_roles r WHERE r.user_id = users.id ORDER BY r.role)", ARRAY(Text)
).label("roles")
WIRE = (
    User.id,
    User.email,
    User.email_verified,
    User.display_name,
    ROLES,
    User.status,
    User.created_at,
    User.updated_at,
    User.version,
    User.epoch,
)
FIND = statement("users.find", select(*WIRE).where(User.id == bindparam("user_id")))
FIND_BY_KEY = statement("users.find_by_email", select(*WIRE).where(User.email_key == bindparam("email_key")))
_credentials = select(User.id, User.status, User.password_hash, User.password_version)
CREDENTIALS_BY_KEY = statement(
    "users.credentials_by_email", _credentials.where(User.email_key == bindparam("email_key"))
)
CREDENTIALS_BY_ID = statement("users.credentials_by_id", _credentials.where(User.id == bindparam("user_id")))
EPOCH = statement("users.epoch", select(User.epoch).where(User.id == bindparam("user_id")))
ADD = statement("users.add", insert(User).on_conflict_do_nothing(index_elements=[User.email_key]).returning(User.id))
ADD_ROLES = statement("users.add_roles", insert(UserRole).on_conflict_do_nothing())
ADD_TERMS = statement("users.add_terms", insert(UserTerm).on_conflict_do_nothing())

LOCK = statement("users.lock", select(User.id).where(User.id == bindparam("user_id")).with_for_update())
RAISE_EPOCH = statement(
    "users.raise_epoch",
    update(User).where(User.id == bindparam("user_id")).values(epoch=User.epoch + 1).returning(User.epoch),
)
# Of a large table a sample is enough: decoys are drawn in proportion, not counted.
COUNT_SCHEMES = statement(
    "users.count_schemes",
    text("""
        SELECT password_scheme, count(*) FROM users TABLESAMPLE SYSTEM (CAST(:percent AS real))
        WHERE password_scheme IS NOT NULL GROUP BY password_scheme
    """),
)
SIZE = statement("users.size", text("SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = 'users'::regclass"))
_SAMPLED_ROWS = 50_000


async def find(connection: Connection, user_id: UUID) -> UserRow | None:
    return user_row((await connection.execute(FIND, {"user_id": user_id})).one_or_none())


async def find_by_key(connection: Connection, email_key: str) -> UserRow | None:
    return user_row((await connection.execute(FIND_BY_KEY, {"email_key": email_key})).one_or_none())


async def find_credentials(connection: Connection, email_key: str) -> Credentials | None:
    row = (await connection.execute(CREDENTIALS_BY_KEY, {"email_key": email_key})).one_or_none()
    return Credentials(*row) if row else None


async def find_own_credentials(connection: Connection, user_id: UUID) -> Credentials | None:
    row = (await connection.execute(CREDENTIALS_BY_ID, {"user_id": user_id})).one_or_none()
    return Credentials(*row) if row else None


async def find_epoch(connection: Connection, user_id: UUID) -> int | None:
    return await connection.scalar(EPOCH, {"user_id": user_id})


async def add(connection: Connection, row: NewRow, roles: Sequence[str]) -> bool:
    """Insert a user with roles and terms; False when the address is taken."""
    added = await connection.execute(ADD, {**asdict(row), "status": "active"})
    if added.first() is None:
        return False
    await add_roles(connection, row.id, roles)
    await add_terms(connection, row.id, row.email, row.display_name)
    return True


async def lock(connection: Connection, user_id: UUID) -> None:
    """Hold a user's row until the transaction ends."""
    await connection.execute(LOCK, {"user_id": user_id})


async def raise_epoch(connection: Connection, user_id: UUID) -> int | None:
    """Outdate every access token of a user; gives the new epoch."""
    return await connection.scalar(RAISE_EPOCH, {"user_id": user_id})


async def count_schemes(connection: Connection) -> dict[str, int]:
    """Count users by password scheme, from a sample when there are many."""
    size = float(await connection.scalar(SIZE) or 0)
    percent = 100.0 if size <= _SAMPLED_ROWS else 100.0 * _SAMPLED_ROWS / size
    return {row[0]: row[1] for row in await connection.execute(COUNT_SCHEMES, {"percent": percent})}


async def add_roles(connection: Connection, user_id: UUID, roles: Sequence[str]) -> None:
    if roles:
        await connection.execute(ADD_ROLES, [{"role": role, "user_id": user_id} for role in sorted(set(roles))])


async def add_terms(connection: Connection, user_id: UUID, email: str | None, display_name: str | None) -> None:
    terms = [{"term": term, "user_id": user_id} for term in terms_of(email, display_name)]
    if terms:
        await connection.execute(ADD_TERMS, terms)


def user_row(row: Row[*tuple[Any, ...]] | None) -> UserRow | None:
    return UserRow(*row) if row else None
