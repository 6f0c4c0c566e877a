"""Signing in: the same work for a known and an unknown address, and no connection held while hashing."""

import logging
from dataclasses import dataclass
from uuid import UUID

from uuid_utils.compat import uuid7

from service.audit.events import Kind
from service.changes import records as changes
from service.changes.announcing import Announce
from service.changes.messages import session_over
from service.errors import Overloaded
from service.limits.charging import Charging
from service.limits.counting import Taken
from service.limits.problems import AccountDelayed, RateLimited
from service.security.passwords import Passwords
from service.security.refresh_tokens import find_genuine
from service.sessions import records as sessions
from service.sessions.pairs import Pairs
from service.sessions.problems import CredentialsWrong, UserSuspended
from service.sessions.records import Lengths, Signing
from service.sessions.shapes import NewSession, TokenPair
from service.storage import Database, DatabaseAway, DatabaseBusy
from service.telemetry.metrics import DomainMetrics
from service.users import change_records
from service.users import records as users
from service.users.emails import NotAnEmail, email_key
from service.users.records import Credentials

logger = logging.getLogger(__name__)


class Overtaken(Exception):  # noqa: N818 - it says what is the matter
    """The account was suspended, closed or given another password since the password was read."""


_ERROR = ("failed", "error")
# How a sign-in that came to nothing is counted; the first that fits. Failed is what is not the caller's doing.
_WHY: dict[type[Exception], tuple[str, str]] = {
    CredentialsWrong: ("refused", "credentials_wrong"),
    UserSuspended: ("refused", "suspended"),
    Overtaken: ("refused", "overtaken"),
    AccountDelayed: ("refused", "locked_out"),
    RateLimited: ("refused", "limited"),
    Overloaded: ("failed", "hash_queue"),
    DatabaseBusy: ("failed", "pool"),
    DatabaseAway: ("failed", "store"),
}


@dataclass(frozen=True, slots=True)
class SigningIn:
    """Opens sessions."""

    database: Database
    passwords: Passwords
    pairs: Pairs
    announce: Announce
    charging: Charging
    lengths: Lengths
    most_sessions: int
    metrics: DomainMetrics

    async def sign_in(self, asked: NewSession, address: str) -> TokenPair:
        """Open a session for whoever knows the password; unknown address and wrong password are told alike."""
        try:
            pair = await self._sign_in(asked, address)
        except BaseException as error:
            self.metrics.sign_ins.labels(*_why(error)).inc()
            if isinstance(error, Overtaken):
                raise CredentialsWrong from None
            raise
        self.metrics.signed_in.count += 1
        return pair

    async def _sign_in(self, asked: NewSession, address: str) -> TokenPair:
        key = _lookup_key(asked.email)
        seen, device, taken = await self._charge(key, asked.known_device, address)
        stored = seen.password_hash if seen else None
        is_right = await self.passwords.is_right(stored, asked.password, key, address)
        if seen is None or not is_right:
            await self.charging.fail(key, device)
            raise CredentialsWrong
        was_locked_out = await self.charging.welcome(key, device, taken)
        if seen.status != "active":
            raise UserSuspended
        signing = await self._open(seen, asked.device, address)
        if was_locked_out:
            self.charging.passed()
        await self._rehash_if_outdated(seen, asked.password, address)
        return self.pairs.issue(signing)

    async def _charge(
        self, key: str, known_device: str | None, address: str
    ) -> tuple[Credentials | None, UUID | None, list[Taken]]:
        """Count the attempt and read what the account has; gives also the known device that it comes from."""
        presented = find_genuine(self.pairs.secrets, known_device) if known_device else None
        if presented is None:
            taken = await self.charging.charge_sign_in(address, key)
            return await self.database.read(users.find_credentials, key), None, [taken]
        taken = await self.charging.charge_address(address)
        seen = await self.database.read(users.find_credentials, key)
        device = await self._find_known_device(presented.session_id, seen)
        return seen, device, [taken, await self.charging.charge_account(key, device)]

    async def _find_known_device(self, session_id: UUID, seen: Credentials | None) -> UUID | None:
        """Tell whether a refresh token belonged to this account, however long ago; its MAC proves it is one of ours."""
        owner = await self.database.read(sessions.find_owner, session_id)
        return session_id if seen is not None and owner == seen.user_id else None

    async def _open(self, seen: Credentials, device: str | None, address: str) -> Signing:
        new = sessions.NewSession(uuid7(), seen.user_id, seen.password_version, device, address or None)
        started = await self.database.write(sessions.start, new, self.lengths, Kind.SIGNED_IN, {})
        if started is None:
            raise Overtaken
        signing, live = started
        if live > self.most_sessions:
            await self._trim_if_possible(seen.user_id)
        return signing

    async def _trim_if_possible(self, user_id: UUID) -> None:
        """End what is too much; never at the cost of the sign-in, whose session is there already."""
        try:
            await self._trim(user_id)
        except DatabaseAway:
            logger.info("sessions beyond the limit stay until the next sign-in")

    async def _trim(self, user_id: UUID) -> None:
        async with self.database.begin() as connection:
            # Lock order is always user, then session: whoever ends all of them at the same time takes them otherwise.
            await users.lock(connection, user_id)
            ended = await sessions.trim(connection, user_id, self.most_sessions)
            over = [session_over(session_id) for session_id in ended]
            await changes.append(connection, *over)
        self.metrics.sessions_ended.labels(sessions.Cause.TOO_MANY).inc(len(ended))
        await self.announce(*over)

    async def _rehash_if_outdated(self, seen: Credentials, raw_password: str, address: str) -> None:
        """Bring the stored hash to current parameters; never at the cost of the sign-in."""
        if seen.password_hash is None or not self.passwords.needs_rehash(seen.password_hash):
            return
        try:
            password_hash = await self.passwords.hash(raw_password, address)
            async with self.database.begin() as connection:
                await change_records.rehash(connection, seen, password_hash, self.passwords.own_scheme)
        except (Overloaded, DatabaseAway):
            logger.info("a password hash stays as it is until the next sign-in")


def _why(error: BaseException) -> tuple[str, str]:
    return next((why for kind, why in _WHY.items() if isinstance(error, kind)), _ERROR)


def _lookup_key(email: str) -> str:
    try:
        return email_key(email)
    except NotAnEmail:
        # Nobody has it; the look-up and the decoy run all the same. NUL is the one character Postgres refuses.
        return email.replace("\0", "").encode("utf-8", "replace").decode()
