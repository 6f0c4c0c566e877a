"""Changing a password: every earlier session ends, the caller gets a new one."""

from dataclasses import dataclass

from uuid_utils.compat import uuid7

from service.account.problems import CurrentPasswordWrong, PasswordOvertaken
from service.account.shapes import NewPassword
from service.audit.events import Kind
from service.changes import records as changes
from service.changes.announcing import Announce
from service.changes.messages import epoch_raised
from service.security.claims import Claims
from service.security.passwords import Passwords, find_fault
from service.sessions import records as sessions
from service.sessions.pairs import Pairs
from service.sessions.records import Cause, Lengths, NewSession, Signing
from service.sessions.shapes import TokenPair
from service.storage import Database
from service.telemetry.metrics import DomainMetrics
from service.users import change_records
from service.users import records as users
from service.users.problems import PasswordUnacceptable, UserNotFound
from service.users.records import Credentials


@dataclass(frozen=True, slots=True)
class ChangingPassword:
    """Replaces passwords."""

    database: Database
    passwords: Passwords
    pairs: Pairs
    announce: Announce
    lengths: Lengths
    password_min_length: int
    metrics: DomainMetrics

    async def change(self, caller: Claims, asked: NewPassword, address: str) -> TokenPair:
        """Replace the password if the current one is right; answers the pair of a new session."""
        fault = find_fault(asked.new_password, min_length=self.password_min_length)
        if fault is not None:
            raise PasswordUnacceptable(fault, errors=[{"pointer": "/new_password", "detail": fault}])
        seen = await self.database.read(users.find_own_credentials, caller.user_id)
        if seen is None:
            raise UserNotFound
        # No decoy is drawn here: the caller has a token, so the account is known to exist.
        if not await self.passwords.is_right(seen.password_hash, asked.current_password, "", address):
            raise CurrentPasswordWrong
        password_hash = await self.passwords.hash(asked.new_password, address)
        return self.pairs.issue(await self._replace(caller, seen, password_hash, address))

    async def _replace(self, caller: Claims, seen: Credentials, password_hash: str, address: str) -> Signing:
        async with self.database.begin() as connection:
            epoch = await change_records.replace_password(connection, seen, password_hash, self.passwords.own_scheme)
            if epoch is None:
                # Nothing was written yet, so rolling back loses nothing.
                raise PasswordOvertaken
            device = await sessions.find_device(connection, caller.session_id)
            new = NewSession(uuid7(), seen.user_id, seen.password_version + 1, device, address or None)
            ended = await sessions.end_all(connection, seen.user_id, Cause.PASSWORD)
            told = {"count": len(ended)}
            started = await sessions.start(connection, new, self.lengths, Kind.PASSWORD_CHANGED, told)
            await changes.append(connection, epoch_raised(seen.user_id, epoch))

        self.metrics.sessions_ended.labels(Cause.PASSWORD).inc(len(ended))
        await self.announce(epoch_raised(seen.user_id, epoch))
        if started is None:
            raise PasswordOvertaken
        return started[0]
