"""Suspending, reinstating and closing users, and what they may do. The last active admin stays."""

from dataclasses import dataclass
from uuid import UUID

from service.audit import records as audit
from service.audit.events import Event, Kind
from service.changes import records as changes
from service.changes.announcing import Announce
from service.changes.messages import Change, epoch_raised, user_changed
from service.sessions import records as sessions
from service.sessions.records import Cause
from service.storage import Connection, Database
from service.telemetry.metrics import DomainMetrics
from service.users import change_records
from service.users import records as users
from service.users.change_records import Expected
from service.users.problems import LastAdmin, UserClosed, UserNotFound, VersionStale
from service.users.records import UserRow


@dataclass(frozen=True, slots=True)
class Standing:
    """Changes what a user may do. Each change outdates the user's access tokens on every replica."""

    database: Database
    announce: Announce
    metrics: DomainMetrics

    async def suspend(self, user_id: UUID, actor: UUID | None, reason: str | None) -> UserRow:
        """Suspend an active user and end every session; a suspended one stays so."""
        async with self.database.begin() as connection:
            is_admin = await _is_admin_in_turn(connection, user_id)
            suspended = await change_records.move_status(connection, user_id, "active", "suspended")
            if suspended is not None:
                await _refuse_without_admin(connection, was_admin=is_admin)
                # A later statement than the user's own: it sees sign-ins that committed while the first one waited.
                ended = await sessions.end_all(connection, user_id, Cause.SUSPENDED)
                details = {"reason": reason} if reason else {}
                await _write_down(connection, suspended, Event(Kind.USER_SUSPENDED, user_id, actor, details=details))
            found = suspended or await users.find(connection, user_id)

        if suspended is not None:
            self.metrics.sessions_ended.labels(Cause.SUSPENDED).inc(len(ended))
            await self.announce(*_outdated(suspended))
        return _still_open(found)

    async def reinstate(self, user_id: UUID, actor: UUID) -> UserRow:
        """Make a suspended user active again; an active one stays so. Ended sessions stay ended."""
        async with self.database.begin() as connection:
            reinstated = await change_records.move_status(connection, user_id, "suspended", "active")
            if reinstated is not None:
                await _write_down(connection, reinstated, Event(Kind.USER_REINSTATED, user_id, actor))
            found = reinstated or await users.find(connection, user_id)

        if reinstated is not None:
            await self.announce(*_outdated(reinstated))
        return _still_open(found)

    async def close(self, user_id: UUID, actor: UUID, expected: Expected) -> None:
        """Close an account: personal data is erased, the address is free again, every session ends."""
        async with self.database.begin() as connection:
            is_admin = await _is_admin_in_turn(connection, user_id)
            closed = await change_records.close(connection, user_id, expected)
            found = closed or await users.find(connection, user_id)
            if closed is not None:
                await _refuse_without_admin(connection, was_admin=is_admin)
                ended = await sessions.end_all(connection, user_id, Cause.CLOSED)
                await _write_down(connection, closed, Event(Kind.USER_CLOSED, user_id, actor))

        if closed is None:
            _still_open(found)
            raise VersionStale
        self.metrics.sessions_ended.labels(Cause.CLOSED).inc(len(ended))
        await self.announce(*_outdated(closed))

    async def set_roles(self, user_id: UUID, actor: UUID | None, roles: list[str], expected: Expected) -> UserRow:
        """Give a user exactly these roles; sessions live on, access tokens of the former roles don't."""
        async with self.database.begin() as connection:
            is_admin = await _is_admin_in_turn(connection, user_id)
            is_changed = await change_records.set_roles(connection, user_id, roles, expected)
            found = await users.find(connection, user_id)
            if is_changed and found is not None:
                await _refuse_without_admin(connection, was_admin=is_admin)
                event = Event(Kind.ROLES_CHANGED, user_id, actor, details={"roles": found.roles})
                await _write_down(connection, found, event)

        current = _still_open(found)
        if is_changed:
            await self.announce(*_outdated(current))
        elif expected.version not in {None, current.version}:
            raise VersionStale
        return current


async def _is_admin_in_turn(connection: Connection, user_id: UUID) -> bool:
    """Wait for the admins' lock, then tell whether this user is an active admin: two last ones can't both go."""
    await change_records.lock_admins(connection)
    return await change_records.is_active_admin(connection, user_id)


async def _refuse_without_admin(connection: Connection, *, was_admin: bool) -> None:
    """Raise inside the block on purpose: what would leave nobody in charge is rolled back."""
    if was_admin and not await change_records.has_active_admin(connection):
        raise LastAdmin


async def _write_down(connection: Connection, user: UserRow, event: Event) -> None:
    await changes.append(connection, *_outdated(user))
    await audit.write(connection, event)


def _outdated(user: UserRow) -> tuple[Change, Change]:
    return user_changed(user.id, user.version), epoch_raised(user.id, user.epoch)


def _still_open(found: UserRow | None) -> UserRow:
    if found is None:
        raise UserNotFound
    if found.status == "closed":
        raise UserClosed
    return found
