"""What is older than it is kept goes, in batches, by whichever replica comes first; what is younger stays."""

import asyncio
from collections.abc import Awaitable, Callable
from time import time

import asyncpg
import pytest

from service.housekeeping.records import _LOCK, BATCH, DELETES
from tests.kit.environment import Addresses
from tests.kit.metrics import read_metrics, total
from tests.kit.services import Service
from tests.kit.waiting import eventually

SOON = 10.0
OWNER = "INSERT INTO users (id, email, email_key, email_verified) VALUES (gen_random_uuid(), $1, $1, false)"
FILLS = {
    "sessions": """
        INSERT INTO sessions (id, user_id, created_at)
        SELECT gen_random_uuid(), (SELECT id FROM users LIMIT 1), now() - $1::interval FROM generate_series(1, $2)
    """,
    "changes": """
        INSERT INTO changes (kind, subject, created_at)
        SELECT 'session', gen_random_uuid(), now() - $1::interval FROM generate_series(1, $2)
    """,
    "idempotency_keys": """
        INSERT INTO idempotency_keys (key_digest, body_digest, status, resource_id, created_at)
        SELECT decode(md5(random()::text), 'hex'), 'x', 201, gen_random_uuid(), now() - $1::interval
        FROM generate_series(1, $2)
    """,
    "audit_events": """
        INSERT INTO audit_events (kind, created_at) SELECT 'user.created', now() - $1::interval
        FROM generate_series(1, $2)
    """,
}
# How long each is kept by default, in words of Postgres: sessions 90 days of age and 90 more.
KEPT = {"sessions": "180 days", "changes": "20 minutes", "idempotency_keys": "24 hours", "audit_events": "365 days"}
Replicas = tuple[Service, Service]


@pytest.fixture(autouse=True)
async def _owner(database: asyncpg.Connection) -> None:
    await database.execute(OWNER, "ada@example.com")


async def fill(database: asyncpg.Connection, table: str, *, old: int = 0, young: int = 0) -> None:
    """Add rows that are a minute past what they are kept, and rows a minute before it."""
    length = await database.fetchval("SELECT $1::text::interval", KEPT[table])
    minute = await database.fetchval("SELECT interval '1 minute'")
    await database.execute(FILLS[table], length + minute, old)
    await database.execute(FILLS[table], length - minute, young)


async def left(database: asyncpg.Connection, table: str) -> int:
    return int(await database.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608 - a name out of this file


def has_left(database: asyncpg.Connection, table: str, count: int) -> Callable[[], Awaitable[bool]]:
    async def is_so() -> bool:
        return await left(database, table) == count

    return is_so


async def run_statements(service: Service, name: str) -> int:
    counted = "signet_database_statement_duration_seconds_count"
    return int((await read_metrics(service)).value(counted, statement=name))


async def runs(service: Service) -> int:
    """Count the runs a replica has begun."""
    return await run_statements(service, "housekeeping.try_lock")


async def until_another_run(*services: Service) -> None:
    """Wait until each replica has come to the end of a run that began after now."""
    for service in services:
        begun = await runs(service)

        async def has_run(service: Service = service, begun: int = begun) -> bool:
            return await runs(service) >= begun + 2

        await eventually(has_run, within=SOON)


def test_every_table_that_grows_is_tidied() -> None:
    assert set(DELETES) == set(FILLS) == set(KEPT)


@pytest.mark.parametrize("table", FILLS)
async def test_old_rows_go_and_young_rows_stay(tidying: Replicas, database: asyncpg.Connection, table: str) -> None:
    await fill(database, table, old=30, young=20)

    await eventually(has_left(database, table, 20), within=SOON)
    await until_another_run(*tidying)

    assert await left(database, table) == 20


async def test_two_replicas_at_once_delete_each_old_row_once_in_bounded_batches(
    tidying: Replicas, database: asyncpg.Connection
) -> None:
    deleted = await total(tidying, "signet_housekeeping_deleted_total", table="changes")
    batches = await batches_of(tidying)

    await fill(database, "changes", old=5 * BATCH, young=7)
    await eventually(has_left(database, "changes", 7), within=SOON)
    await until_another_run(*tidying)

    assert await left(database, "changes") == 7
    assert await total(tidying, "signet_housekeeping_deleted_total", table="changes") - deleted == 5 * BATCH
    assert await batches_of(tidying) - batches >= 5


async def test_whoever_finds_another_at_it_leaves_it_alone(
    tidying: Replicas, stores: Addresses, database: asyncpg.Connection
) -> None:
    other = await asyncpg.connect(stores.database_url)
    async with other.transaction():
        await other.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
        await fill(database, "changes", old=10)
        await until_another_run(*tidying)
        while_another_was_at_it = await left(database, "changes")
    await other.close()

    assert while_another_was_at_it == 10
    await eventually(has_left(database, "changes", 0), within=SOON)


async def test_a_run_that_came_to_its_end_says_when(tidying: Replicas) -> None:
    for service in tidying:
        before = time()

        async def has_ended(service: Service = service, before: float = before) -> bool:
            last = (await read_metrics(service)).value("signet_housekeeping_last_run_timestamp_seconds")
            return last >= before

        await eventually(has_ended, within=SOON)


@pytest.mark.parametrize("table", FILLS)
async def test_finding_what_is_old_reads_no_whole_table(database: asyncpg.Connection, table: str) -> None:
    await fill(database, table, young=20_000)
    await database.execute(f"ANALYZE {table}")
    words = str(DELETES[table]).replace(":kept", f"interval '{KEPT[table]}'")

    plan = "\n".join(row[0] for row in await database.fetch("EXPLAIN " + words))

    assert "Seq Scan" not in plan, plan


async def batches_of(services: Replicas) -> int:
    return sum(await asyncio.gather(*(run_statements(service, "housekeeping.changes") for service in services)))
