"""Registering users, by themselves or by an admin; the same request twice makes one."""

from dataclasses import dataclass
from uuid import UUID

from uuid_utils.compat import uuid7

from service.audit import records as audit
from service.audit.events import Event, Kind
from service.errors import Forbidden
from service.idempotency import records as idempotency
from service.idempotency.promise import Promise, same_or_refuse
from service.limits.charging import Charging
from service.security.password_schemes import find_scheme
from service.security.passwords import Passwords, find_fault
from service.storage import Connection, Database
from service.users import records as users
from service.users.emails import email_key
from service.users.problems import (
    EmailTaken,
    PasswordHashUnacceptable,
    PasswordUnacceptable,
    RegistrationClosed,
    UserNotFound,
)
from service.users.records import NewRow, UserRow
from service.users.shapes import NewUser


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks for a new user: an admin, somebody signed in, or nobody known; and from where."""

    user_id: UUID | None
    is_admin: bool
    address: str
    promised: Promise | None = None


@dataclass(frozen=True, slots=True)
class Registering:
    """Makes users."""

    database: Database
    passwords: Passwords
    charging: Charging
    is_open: bool
    password_min_length: int

    async def register(self, asked: NewUser, asking: Asking) -> UserRow:
        """Make a user; under an Idempotency-Key seen before, give the one it made."""
        self._refuse_unless_allowed(asked, asking)
        if asking.promised is not None and (made := await self._find_made(asking.promised)):
            return made
        if not asking.is_admin:
            await self.charging.charge_registration(asking.address)
        row = await self._row(asked, asking.address)
        made = await self._add(row, asked, asking)
        if made is None and asking.promised is not None:
            # Another request had the key; its commit was waited for.
            made = await self._find_made(asking.promised)
        return made or _refuse(UserNotFound())

    def _refuse_unless_allowed(self, asked: NewUser, asking: Asking) -> None:
        if asking.is_admin:
            return
        if not self.is_open:
            raise RegistrationClosed
        if asked.asks_for_admin:
            raise Forbidden("Only an admin may set roles, email_verified or password_hash.")

    async def _find_made(self, promised: Promise) -> UserRow | None:
        kept = await self.database.read(idempotency.find, promised)
        if kept is None:
            return None
        return await self.database.read(users.find, same_or_refuse(promised, kept))

    async def _row(self, asked: NewUser, address: str) -> NewRow:
        password_hash = await self._password_hash(asked, address)
        return NewRow(
            id=uuid7(),
            email=asked.email,
            email_key=email_key(asked.email),
            email_verified=bool(asked.email_verified),
            display_name=asked.display_name,
            password_hash=password_hash,
            password_scheme=find_scheme(password_hash),
        )

    async def _password_hash(self, asked: NewUser, address: str) -> str:
        if asked.password_hash is not None and asked.password is None:
            if find_scheme(asked.password_hash) is None:
                raise PasswordHashUnacceptable
            return asked.password_hash
        fault = find_fault(asked.password or "", min_length=self.password_min_length)
        if asked.password_hash is not None:
            fault = "Give password or password_hash, not both."
        if fault is not None:
            raise PasswordUnacceptable(fault, errors=[{"pointer": "/password", "detail": fault}])
        return await self.passwords.hash(asked.password or "", address)

    async def _add(self, row: NewRow, asked: NewUser, asking: Asking) -> UserRow | None:
        """Insert the user, or find that another request with the same key is doing it: None."""
        async with self.database.begin() as connection:
            if not await self._claim(connection, row.id, asking.promised):
                return None
            if not await users.add(connection, row, asked.roles or ()):
                # Raised inside on purpose: the key must be free again for the corrected request.
                raise EmailTaken
            kind = Kind.USER_CREATED if asking.is_admin else Kind.USER_REGISTERED
            await audit.write(connection, Event(kind, row.id, asking.user_id or row.id))
            # Not after the commit: a refusal there would be of a user who is made.
            return await users.find(connection, row.id)

    @staticmethod
    async def _claim(connection: Connection, user_id: UUID, promised: Promise | None) -> bool:
        return promised is None or await idempotency.claim(connection, promised, user_id, 201)


def _refuse(problem: UserNotFound) -> UserRow:
    """Refuse: it was closed again between the commit and the look."""
    raise problem
