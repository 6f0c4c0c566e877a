"""Finding users, a page at a time."""

from dataclasses import dataclass

from service.storage import Database
from service.users import listing_records
from service.users.emails import NotAnEmail, email_key
from service.users.listing_records import Position, Question
from service.users.records import UserRow
from service.users.terms import prefix_of


@dataclass(frozen=True, slots=True)
class Filters:
    """What an admin typed."""

    search: str | None = None
    email: str | None = None
    role: str | None = None
    status: str | None = None


@dataclass(frozen=True, slots=True)
class Directory:
    """Lists users for admins and for the command line."""

    database: Database

    async def page(self, filters: Filters, after: Position | None, size: int) -> tuple[list[UserRow], Position | None]:
        """Read a page and the position behind it, None on the last."""
        if filters.status == "closed" and (filters.search or filters.email or filters.role):
            # Closing takes address, name and roles away; Postgres would look through all others to find nobody.
            return [], None
        try:
            question = _question(filters)
        except NotAnEmail:
            # Nobody can have it.
            return [], None
        rows = await self.database.read(listing_records.page, question, after, size + 1)
        shown = rows[:size]
        return [row for row, _ in shown], shown[-1][1] if len(rows) > size else None


def _question(filters: Filters) -> Question:
    return Question(
        search=prefix_of(filters.search) if filters.search else None,
        email_key=email_key(filters.email) if filters.email else None,
        role=filters.role,
        status=filters.status,
    )
