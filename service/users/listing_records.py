"""The SQL of finding users: keyset pages, each driven by the index that fits the question."""

from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, bindparam, exists, literal_column, select, tuple_
from sqlalchemy.orm import aliased

from service.storage import Connection
from service.storage.statements import statement
from service.storage.tables import User, UserRole, UserTerm
from service.users.records import WIRE, UserRow
from service.users.terms import LAST


@dataclass(frozen=True, slots=True)
class Question:
    """Which users are asked for. `search` is folded, `email_key` computed."""

    search: str | None = None
    email_key: str | None = None
    role: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page begins: behind this row in the order of the question."""

    user_id: UUID
    term: str | None = None


async def page(
    connection: Connection, question: Question, after: Position | None, size: int
) -> list[tuple[UserRow, Position]]:
    """Read up to `size` users behind a position, each with its own position."""
    parts = (question.search, question.email_key, question.role, question.status, after)
    built = _page(*(part is not None for part in parts))
    parameters: dict[str, Any] = {
        "search": question.search,
        "search_end": (question.search or "") + LAST,
        "email_key": question.email_key,
        "role": question.role,
        "status": question.status,
        "after_id": after and after.user_id,
        "after_term": after and after.term,
        "size": size,
    }
    rows = await connection.execute(built, parameters)
    return [(UserRow(*row[:-1]), Position(row.id, row[-1])) for row in rows]


@cache
def _page(*has: bool) -> Select[*tuple[Any, ...]]:
    """Build the statement of one combination of filters; there are 32."""
    has_search, has_email, has_role, has_status, has_position = has
    if has_search:
        built = _by_search(has_position=has_position)
    elif has_role:
        built = _by_role(has_position=has_position)
    else:
        built = _by_id(has_position=has_position)
    if has_search and has_role:
        built = built.where(exists().where(UserRole.user_id == User.id, UserRole.role == bindparam("role")))
    if has_email:
        built = built.where(User.email_key == bindparam("email_key"))
    if has_status:
        built = built.where(User.status == bindparam("status"))
    return statement("users.page", built.limit(bindparam("size")))


def _by_id(*, has_position: bool) -> Select[*tuple[Any, ...]]:
    built = select(*WIRE, literal_column("NULL")).order_by(User.id.desc())
    return built.where(User.id < bindparam("after_id")) if has_position else built


def _by_role(*, has_position: bool) -> Select[*tuple[Any, ...]]:
    built = (
        select(*WIRE, literal_column("NULL"))
        .join(UserRole, UserRole.user_id == User.id)
        .where(UserRole.role == bindparam("role"))
        .order_by(UserRole.user_id.desc())
    )
    return built.where(UserRole.user_id < bindparam("after_id")) if has_position else built


def _by_search(*, has_position: bool) -> Select[*tuple[Any, ...]]:
    """In order of term. A user with several fitting terms is shown at the first one only."""
    earlier = aliased(UserTerm)
    is_repeat = exists().where(
        and_(
            earlier.user_id == UserTerm.user_id,
            earlier.term >= bindparam("search"),
            earlier.term < UserTerm.term,
        )
    )
    built = (
        select(*WIRE, UserTerm.term)
        .join(UserTerm, UserTerm.user_id == User.id)
        .where(UserTerm.term >= bindparam("search"), UserTerm.term < bindparam("search_end"), ~is_repeat)
        .order_by(UserTerm.term, UserTerm.user_id)
    )
    if has_position:
        behind = tuple_(UserTerm.term, UserTerm.user_id) > tuple_(bindparam("after_term"), bindparam("after_id"))
        built = built.where(behind)
    return built
