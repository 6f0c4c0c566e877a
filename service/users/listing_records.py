"""The SQL of finding users: keyset pages, each driven by the index that fits the question."""

from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    Integer,
    Label,
    Select,
    Text,
    and_,
    bindparam,
    exists,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.orm import InstrumentedAttribute, aliased

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


NO_TERM: Label[str | None] = literal_column("NULL").label("term")


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
    """Build the statement of one combination of filters; there are 32. It picks the page first, then reads its users.

    Role, status and size are written into the text, so that Postgres plans for them. A plan made for any value takes
    every role for common and every page for long: to find ten admins it read all users, newest first.
    """
    has_search, has_email, has_role, has_status, has_position = has
    picked: Select[*tuple[Any, ...]]
    owner: InstrumentedAttribute[UUID]
    if has_search:
        picked, owner = _by_search(has_position=has_position), UserTerm.user_id
    elif has_role:
        picked, owner = _by_role(has_position=has_position), UserRole.user_id
    else:
        picked, owner = _by_id(has_position=has_position), User.id
    if has_search and has_role:
        picked = picked.where(exists().where(UserRole.user_id == owner, UserRole.role == _written("role")))
    if owner is not User.id and (has_email or has_status):
        picked = picked.join(User, User.id == owner)
    if has_email:
        picked = picked.where(User.email_key == bindparam("email_key"))
    if has_status:
        picked = picked.where(User.status == _written("status"))
    page = picked.limit(_written("size", Integer())).subquery("page")
    order = (page.c.term, page.c.user_id) if has_search else (page.c.user_id.desc(),)
    return statement("users.page", select(*WIRE, page.c.term).join(page, page.c.user_id == User.id).order_by(*order))


def _written(name: str, kind: Text | Integer | None = None) -> BindParameter[Any]:
    """Write a value into the text, quoted; only for those of which there are few."""
    return bindparam(name, type_=kind or Text(), literal_execute=True)


def _by_id(*, has_position: bool) -> Select[*tuple[Any, ...]]:
    picked = select(User.id.label("user_id"), NO_TERM).order_by(User.id.desc())
    return picked.where(User.id < bindparam("after_id")) if has_position else picked


def _by_role(*, has_position: bool) -> Select[*tuple[Any, ...]]:
    picked = (
        select(UserRole.user_id, NO_TERM).where(UserRole.role == _written("role")).order_by(UserRole.user_id.desc())
    )
    return picked.where(UserRole.user_id < bindparam("after_id")) if has_position else picked


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
    picked = (
        select(UserTerm.user_id, UserTerm.term)
        .where(UserTerm.term >= bindparam("search"), UserTerm.term < bindparam("search_end"), ~is_repeat)
        .order_by(UserTerm.term, UserTerm.user_id)
    )
    if has_position:
        behind = tuple_(UserTerm.term, UserTerm.user_id) > tuple_(bindparam("after_term"), bindparam("after_id"))
        picked = picked.where(behind)
    return picked
