"""Rotation by age: `Rotating.keep`, which every process runs each minute, on rows that the test makes older."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import asyncpg
import pytest

from service.clock import Clock
from service.keys.rotating import Rotating
from service.lifespan import close
from service.settings import Settings
from service.telemetry.metrics import new_metrics
from service.wiring import build
from tests.kit.environment import SECRET, Addresses
from tests.kit.signing_keys import age_keys, key_rows

LEAD, DAYS = timedelta(hours=24), timedelta(days=30)
MOMENT = timedelta(minutes=5)
LAST_TOKENS = timedelta(minutes=11, seconds=6)

Rotator = Callable[..., Rotating]


@pytest.fixture
async def rotator(fresh_stores: Addresses) -> AsyncIterator[Rotator]:
    """Make what one process rotates keys with: `rotator(key_rotation="0")`."""
    async with AsyncExitStack() as stack:

        def make(**settings: object) -> Rotating:
            parts = build(Settings(**given(fresh_stores), **settings), Clock(), new_metrics())  # type: ignore[arg-type]
            stack.push_async_callback(close, parts)
            return parts.operations.rotating

        yield make


def given(stores: Addresses) -> dict[str, object]:
    return {
        "mode": "development",
        "public_url": "https://id.example.test",
        "database_url": stores.database_url,
        "redis_url": stores.redis_url,
        "secret_keys": [SECRET],
    }


async def test_a_key_gets_its_successor_so_early_that_it_never_signs_longer_than_it_should(
    rotator: Rotator, fresh_database: asyncpg.Connection
) -> None:
    rotating = rotator()
    await rotating.make_first()
    await age_keys(fresh_database, DAYS - LEAD - MOMENT)
    await rotating.keep()
    assert len(await key_rows(fresh_database)) == 1

    await age_keys(fresh_database, MOMENT)
    await rotating.keep()

    former, successor = await key_rows(fresh_database)
    now = await fresh_database.fetchval("SELECT clock_timestamp()")
    assert successor["active_at"] - now == pytest.approx(LEAD, abs=MOMENT)
    assert former["retired_at"] - successor["active_at"] == pytest.approx(LAST_TOKENS, abs=timedelta(seconds=10))
    await rotating.keep()
    assert len(await key_rows(fresh_database)) == 2


async def test_a_retired_key_is_dropped_and_everybody_hears_of_it(
    rotator: Rotator, fresh_database: asyncpg.Connection
) -> None:
    rotating = rotator()
    await rotating.make_first()
    successor = await rotating.rotate()
    await age_keys(fresh_database, LEAD + LAST_TOKENS - timedelta(seconds=30))
    await rotating.keep()
    assert len(await key_rows(fresh_database)) == 2
    heard = await changes(fresh_database)

    await age_keys(fresh_database, timedelta(seconds=40))
    await rotating.keep()

    assert [row["kid"] for row in await key_rows(fresh_database)] == [successor]
    # One of them is from ageing itself.
    assert await changes(fresh_database) == heard + 2


async def test_however_many_processes_keep_keys_there_is_one_successor(
    rotator: Rotator, fresh_database: asyncpg.Connection
) -> None:
    processes = [rotator() for _ in range(4)]
    await asyncio.gather(*(process.make_first() for process in processes))
    assert len(await key_rows(fresh_database)) == 1
    await age_keys(fresh_database, DAYS)

    await asyncio.gather(*(process.keep() for process in processes))

    assert len(await key_rows(fresh_database)) == 2


@pytest.mark.parametrize(("key_rotation", "keys"), [("0", 1), ("400d", 1), ("1h", 2)])
async def test_the_setting_says_how_old_a_key_becomes(
    rotator: Rotator, fresh_database: asyncpg.Connection, key_rotation: str, keys: int
) -> None:
    rotating = rotator(key_rotation=key_rotation)
    await rotating.make_first()
    await age_keys(fresh_database, timedelta(days=365))

    await rotating.keep()
    await rotating.keep()

    assert len(await key_rows(fresh_database)) == keys


async def test_keys_follow_one_another_and_there_is_always_one_that_signs(
    rotator: Rotator, fresh_database: asyncpg.Connection
) -> None:
    """Half a year in steps of six hours."""
    rotating = rotator()
    await rotating.make_first()
    signers: list[str] = []
    for _ in range(4 * 180):
        await age_keys(fresh_database, timedelta(hours=6))
        await rotating.keep()
        await rotating.load()
        key_id = rotating.ring.signing_key(Clock().timestamp()).key_id
        if key_id not in signers:
            signers.append(key_id)

    rows = await key_rows(fresh_database)
    assert len(signers) == 7, signers
    assert len(rows) <= 2


@pytest.mark.parametrize("until_it_signs", [MOMENT, timedelta(seconds=20)], ids=["minutes", "seconds"])
async def test_a_successor_that_was_overtaken_never_signs_where_that_is_known(
    rotator: Rotator, fresh_database: asyncpg.Connection, until_it_signs: timedelta
) -> None:
    rotating = rotator()
    await rotating.make_first()
    overtaken = await rotating.rotate()
    await age_keys(fresh_database, LEAD - until_it_signs)

    successor = await rotating.rotate(at_once=True)

    gone_after = LAST_TOKENS + timedelta(minutes=1)
    for _ in range(gone_after // timedelta(minutes=1)):
        await rotating.load()
        assert rotating.ring.signing_key(Clock().timestamp()).key_id == successor
        await age_keys(fresh_database, timedelta(minutes=1))
        await rotating.keep()
    assert [row["kid"] for row in await key_rows(fresh_database)] == [successor]
    assert overtaken != successor


async def test_what_an_overtaken_successor_signs_where_that_is_not_known_yet_stands_as_long_as_it_lives(
    rotator: Rotator, fresh_database: asyncpg.Connection
) -> None:
    rotating, unaware = rotator(), rotator()
    await rotating.make_first()
    overtaken = await rotating.rotate()
    await age_keys(fresh_database, LEAD)
    await unaware.load()
    assert unaware.ring.signing_key(Clock().timestamp()).key_id == overtaken
    # By the clock of the database it has a moment left.
    await age_keys(fresh_database, -timedelta(seconds=5))

    await rotating.rotate(at_once=True)

    await age_keys(fresh_database, LAST_TOKENS - timedelta(seconds=30))
    await rotating.keep()
    await rotating.load()
    assert rotating.ring.find(overtaken) is not None


async def test_a_shorter_lead_overtakes_too(rotator: Rotator, fresh_database: asyncpg.Connection) -> None:
    rotating, hasty = rotator(), rotator(key_lead="1h")
    await rotating.make_first()
    overtaken = await rotating.rotate()
    await age_keys(fresh_database, LEAD - timedelta(hours=1) - MOMENT)

    successor = await hasty.rotate()

    signers = set()
    await age_keys(fresh_database, timedelta(minutes=54))
    for _ in range(6):
        await rotating.load()
        signers.add(rotating.ring.signing_key(Clock().timestamp()).key_id)
        await age_keys(fresh_database, timedelta(minutes=3))
    assert successor in signers
    assert overtaken not in signers


async def test_loading_tells_when_a_key_is_gone(rotator: Rotator, fresh_database: asyncpg.Connection) -> None:
    rotating = rotator()
    await rotating.make_first()
    assert await rotating.load() is False
    await rotating.rotate(at_once=True)
    assert await rotating.load() is False

    await age_keys(fresh_database, LAST_TOKENS)

    assert await rotating.load() is True
    assert len(rotating.ring) == 1


async def changes(database: asyncpg.Connection) -> int:
    count: int = await database.fetchval("SELECT count(*) FROM changes WHERE kind = 'keys'")
    return count
