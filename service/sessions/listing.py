"""Listing running sessions, newest first."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from service.sessions import records as sessions
from service.sessions.records import Lengths, SessionRow
from service.storage import Database
from service.users import records as users
from service.users.problems import UserNotFound

Position = tuple[datetime, UUID]


@dataclass(frozen=True, slots=True)
class Listing:
    """Reads the sessions of a user."""

    database: Database
    lengths: Lengths

    async def page(self, owner: UUID, after: Position | None, size: int) -> tuple[list[SessionRow], Position | None]:
        """Read a page and the position behind it, None on the last."""
        rows = await self.database.read(sessions.page, owner, self.lengths, after, size + 1)
        shown = rows[:size]
        more = len(rows) > size
        return shown, (shown[-1].created_at, shown[-1].id) if more else None

    async def page_of(self, owner: UUID, after: Position | None, size: int) -> tuple[list[SessionRow], Position | None]:
        """Read a page of somebody else's sessions, for an admin; an unknown id is not found."""
        if await self.database.read(users.find_epoch, owner) is None:
            raise UserNotFound
        return await self.page(owner, after, size)
