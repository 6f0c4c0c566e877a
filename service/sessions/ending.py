"""Ending sessions: one, the current one, all of a user's. What ends here is over on every replica."""

from dataclasses import dataclass
from uuid import UUID

from service.audit import records as audit
from service.audit.events import Event, Kind
from service.changes import records as changes
from service.changes.announcing import Announce
from service.changes.messages import epoch_raised, session_over
from service.sessions import records as sessions
from service.sessions.problems import SessionNotFound
from service.sessions.records import Cause, Lengths
from service.storage import Database
from service.telemetry.metrics import DomainMetrics
from service.users import records as users
from service.users.problems import UserNotFound


@dataclass(frozen=True, slots=True)
class Ending:
    """Ends sessions by their owner's or an admin's wish."""

    database: Database
    announce: Announce
    lengths: Lengths
    metrics: DomainMetrics

    async def end_one(self, owner: UUID, session_id: UUID, cause: Cause) -> None:
        """End a session that its owner names; one that has ended or is not theirs is not found."""
        over = session_over(session_id)
        async with self.database.begin() as connection:
            is_ended = await sessions.end(connection, session_id, owner=owner, cause=cause, lengths=self.lengths)
            if is_ended:
                await changes.append(connection, over)
                event = Event(Kind.SESSION_ENDED, owner, owner, session_id, {"cause": cause})
                await audit.write(connection, event)

        # The block above has committed. Refusing inside it would undo what a later rule may have to keep.
        if not is_ended:
            raise SessionNotFound
        self.metrics.sessions_ended.labels(cause).inc()
        await self.announce(over)

    async def end_all(self, owner: UUID, actor: UUID, cause: Cause) -> None:
        """End every session of a user and outdate every access token."""
        async with self.database.begin() as connection:
            epoch = await users.raise_epoch(connection, owner)
            ended = await sessions.end_all(connection, owner, cause)
            if epoch is not None:
                await changes.append(connection, epoch_raised(owner, epoch))
                event = Event(Kind.SESSIONS_ENDED, owner, actor, details={"cause": cause, "count": len(ended)})
                await audit.write(connection, event)

        if epoch is None:
            raise UserNotFound
        self.metrics.sessions_ended.labels(cause).inc(len(ended))
        await self.announce(epoch_raised(owner, epoch))

    async def end_others(self, owner: UUID, kept: UUID) -> None:
        """End every session of a user but the one that asks; its access token goes on, so no epoch is raised."""
        async with self.database.begin() as connection:
            # Lock order is always user, then session; this also waits for sign-ins in flight.
            await users.lock(connection, owner)
            ended = await sessions.end_others(connection, owner, kept, Cause.OWNER)
            over = [session_over(session_id) for session_id in ended]
            await changes.append(connection, *over)
            event = Event(Kind.SESSIONS_ENDED, owner, owner, kept, {"cause": Cause.OWNER, "count": len(ended)})
            await audit.write(connection, event)

        self.metrics.sessions_ended.labels(Cause.OWNER).inc(len(ended))
        await self.announce(*over)
