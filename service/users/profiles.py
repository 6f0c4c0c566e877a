"""Reading users as the bytes that are sent, and changing what the wire shows."""

from dataclasses import dataclass
from uuid import UUID

from service.audit import records as audit
from service.audit.events import Event, Kind
from service.changes import records as changes
from service.changes.announcing import Announce
from service.changes.messages import user_changed
from service.storage import Database, cache_keys
from service.storage.cache import Cache, Found
from service.storage.near_cache import Entry
from service.users import change_records, rendering
from service.users import records as users
from service.users.change_records import Edit, Expected
from service.users.problems import UserClosed, UserNotFound, VersionStale
from service.users.records import UserRow


@dataclass(frozen=True, slots=True)
class Profiles:
    """Reads through the caches; writes raise the version that every cache must have reached."""

    database: Database
    cache: Cache
    announce: Announce

    def find_near(self, user_key: str) -> Entry | None:
        """Return the user's bytes if this process has them, without waiting; `user_key` is the id as text."""
        return self.cache.find_near(cache_keys.profile(user_key))

    async def read(self, user_id: UUID) -> Found:
        """Return the bytes of a user, and which tier they came from."""

        async def load() -> Entry:
            row = await self.database.read(users.find, user_id)
            return rendering.entry(row) if row else Entry(0, b"")

        found = await self.cache.get(cache_keys.profile(str(user_id)), load)
        if not found.entry.body:
            raise UserNotFound
        return found

    async def edit(self, user_id: UUID, actor: UUID, edit: Edit, expected: Expected) -> UserRow:
        """Change a user if the version is the expected one; a change to the same is no change."""
        async with self.database.begin() as connection:
            edited = await change_records.edit(connection, user_id, edit, expected)
            found = edited or await users.find(connection, user_id)
            if edited is not None:
                await changes.append(connection, user_changed(user_id, edited.version))
                await audit.write(connection, Event(Kind.USER_CHANGED, user_id, actor))

        if edited is None:
            return _unchanged_or_refuse(found, expected)
        await self.announce(user_changed(user_id, edited.version))
        return edited


def _unchanged_or_refuse(found: UserRow | None, expected: Expected) -> UserRow:
    """Say why nothing was changed; if it is only that all was so already, the user as it is."""
    if found is None:
        raise UserNotFound
    if found.status == "closed":
        raise UserClosed
    if expected.version not in {None, found.version}:
        raise VersionStale
    return found
