"""People and their sessions by COPY: a million people in minutes, and none of them by an HTTP request."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import argon2
import asyncpg
from asyncpg.exceptions import InterfaceError, PostgresError, UndefinedTableError

from loadtests import people
from loadtests.plans import Issuing
from local.refusals import CannotStart
from service.security.password_schemes import find_scheme
from service.security.secrets import Secrets, SecretUnknown
from service.settings import Settings
from service.users.emails import email_key
from service.users.terms import terms_of

# Everybody has one of so few hashes: they are made once, and a hash is as expensive to check as any other.
_HASHES = 4
_BATCH = 5_000
_USERS = (
    "id", "email", "email_key", "email_verified", "display_name", "status", "password_hash", "password_scheme",
)  # fmt: skip
_SESSIONS = ("id", "user_id", "device", "address")

Progress = Callable[[int, int], None]


async def seed(connection: asyncpg.Connection, settings: Settings, count: int, progress: Progress) -> int:
    """Bring the people of load tests to `count`; those who are there stay. Gives how many are new."""
    there = await connection.fetchval("SELECT count(*) FROM users WHERE id BETWEEN $1 AND $2", *people.all_ids())
    hashes = [_hash(settings) for _ in range(_HASHES if there < count else 0)]
    for begin in range(there, count, _BATCH):
        numbers = range(begin, min(begin + _BATCH, count))
        async with connection.transaction():
            await connection.copy_records_to_table("users", records=_user_rows(numbers, hashes), columns=_USERS)
            await connection.copy_records_to_table(
                "user_terms", records=_term_rows(numbers), columns=("term", "user_id")
            )
        progress(numbers.stop, count)
    if there < count:
        await connection.execute("ANALYZE users, user_terms")
    return max(0, count - int(there))


async def open_sessions(connection: asyncpg.Connection, count: int, devices: int, began_ms: int) -> None:
    """Give everybody a session on each device, instead of those of earlier runs."""
    await connection.execute("DELETE FROM sessions WHERE user_id BETWEEN $1 AND $2", *people.all_ids())
    for begin in range(0, count, _BATCH):
        numbers = range(begin, min(begin + _BATCH, count))
        rows = (row for number in numbers for row in _session_rows(number, devices, began_ms))
        await connection.copy_records_to_table("sessions", records=rows, columns=_SESSIONS)
    await connection.execute("ANALYZE sessions")


async def find_issuing(connection: asyncpg.Connection, settings: Settings) -> Issuing:
    """Find the key that signs now; what its tokens say stands in the settings."""
    row = await connection.fetchrow(
        """
        SELECT kid, algorithm, sealed_private FROM signing_keys
        WHERE active_at <= clock_timestamp() AND (retired_at IS NULL OR retired_at > clock_timestamp())
        ORDER BY active_at DESC, kid DESC LIMIT 1
        """
    )
    if row is None:
        raise CannotStart("There is no signing key in the database: has it ever been served?")
    sealed = bytes(row[2])
    try:
        Secrets(secret.get_secret_value() for secret in settings.secret_keys).open(sealed, row[0])
    except SecretUnknown as reason:
        raise CannotStart("SIGNET_SECRET_KEYS does not open the signing key: it must be the deployment's.") from reason
    ttl = settings.access_ttl.total_seconds()
    return Issuing(settings.public_url, settings.audience, ttl, row[0], row[1], sealed.hex())


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """Connect past the service, as the service itself would; what Postgres refuses is said in a sentence."""
    try:
        connection = await asyncpg.connect(settings.direct_dsn(), timeout=10)
        try:
            yield connection
        finally:
            await connection.close()
    except UndefinedTableError as reason:
        raise CannotStart("The database has no tables of Signet: has it ever been migrated?") from reason
    except (OSError, PostgresError, InterfaceError) as reason:
        words = next(iter(str(reason).splitlines()), type(reason).__name__)
        raise CannotStart(f"People can't be seeded, for PostgreSQL refuses or can't be reached: {words}.") from reason


class Bar:
    """A progress bar: one line on a terminal, one line for each tenth elsewhere."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._began = time.monotonic()
        self._told = -1

    def __call__(self, done: int, total: int) -> None:
        tenth = 10 * done // total
        if sys.stderr.isatty():
            rest = (time.monotonic() - self._began) * (total - done) / max(done, 1)
            bar = "#" * (40 * done // total)
            end = "\n" if done == total else ""
            print(f"\r{self._what} [{bar:40}] {done:,} of {total:,}, {rest:.0f} s left ", end=end, file=sys.stderr)
        elif tenth > self._told:
            self._told = tenth
            print(f"{self._what}: {done:,} of {total:,}", file=sys.stderr)


def seed_alone(settings: Settings, count: int) -> int:
    """Seed the database of the settings; gives how many people are new."""

    async def run() -> int:
        async with connected(settings) as connection:
            return await seed(connection, settings, count, Bar("Seeding people"))

    return asyncio.run(run())


def _hash(settings: Settings) -> str:
    hasher = argon2.PasswordHasher(
        time_cost=settings.argon2_iterations, memory_cost=settings.argon2_memory_kib, parallelism=1
    )
    return hasher.hash(people.PASSWORD)


def _user_rows(numbers: range, hashes: list[str]) -> Iterator[tuple[Any, ...]]:
    for number in numbers:
        address, password_hash = people.email(number), hashes[number % len(hashes)]
        name, scheme = people.display_name(number), find_scheme(password_hash)
        yield people.person_id(number), address, email_key(address), True, name, "active", password_hash, scheme


def _term_rows(numbers: range) -> Iterator[tuple[Any, ...]]:
    for number in numbers:
        for term in terms_of(people.email(number), people.display_name(number)):
            yield term, people.person_id(number)


def _session_rows(number: int, devices: int, began_ms: int) -> Iterator[tuple[Any, ...]]:
    for device in range(devices):
        identity = people.session_id(began_ms, number, device)
        yield identity, people.person_id(number), f"Device {device}", people.address(number)


def now_ms() -> int:
    return int(datetime.now(UTC).timestamp() * 1000)
