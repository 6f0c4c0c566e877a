"""Statements without SQLAlchemy in the way: their parameters are what they would be with it."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from typing import Any

import asyncpg
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import DateTime, bindparam, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from service.sessions.records import START
from service.storage import Connection, Database
from service.storage.direct import Rendering
from service.storage.statements import statement
from service.telemetry.store_metrics import DatabaseMetrics
from service.users import listing_records
from service.users.records import FIND
from tests.kit.environment import Addresses
from tests.kit.parts import settings_of

WHO = statement("test.who", text("SELECT pg_backend_pid()"))
LEVEL = statement("test.level", text("SHOW transaction_isolation"))
INSTANT = statement("test.instant", select(bindparam("instant", type_=DateTime(timezone=True))))
# There is no such year in UTC.
BEFORE_TIME = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))

PARAMETERS = ("event_kind", "event_address", "event_request_id", "age", "idle", "id", "device", "address", "user_id")


@pytest.fixture
def rendering() -> Rendering:
    return Rendering(create_async_engine("postgresql+asyncpg://").dialect)


def test_a_parameter_that_is_missing_is_a_mistake_and_not_null(rendering: Rendering) -> None:
    rendered = rendering.render(FIND, {"user_id": "given"})

    assert rendered.values({"user_id": "given"}) == ["given"]
    with pytest.raises(KeyError):
        rendered.values({})


def test_what_stands_in_the_statement_and_what_a_type_converts_is_there(rendering: Rendering) -> None:
    given = {**dict.fromkeys(PARAMETERS, "given"), "event_details": {"sessions": 1}, "password_version": 1}

    values = rendering.render(START, given).values(given)

    assert values.count("given") == len(PARAMETERS)
    assert '{"sessions": 1}' in values
    assert "active" in values


def test_a_value_that_is_written_into_the_text_makes_another_text(rendering: Rendering) -> None:
    page = listing_records._page(False, False, False, False, False)

    texts = [rendering.render(page, {"size": size}).sql for size in (10, 20)]

    assert "LIMIT 10" in texts[0]
    assert "LIMIT 20" in texts[1]


async def test_what_the_driver_refuses_to_send_is_a_mistake_of_ours_and_costs_no_connection(pool: Database) -> None:
    before = await pool.read(ask, WHO)

    with pytest.raises(asyncpg.DataError):
        await pool.read(ask, INSTANT, instant=BEFORE_TIME)

    assert await pool.read(ask, WHO) == before


async def test_statements_see_what_was_committed_while_they_waited_whatever_the_role_has_as_its_level(
    stores: Addresses, pool: Database
) -> None:
    role = await asyncpg.connect(stores.database_url)
    await role.execute("ALTER ROLE CURRENT_USER SET default_transaction_isolation = 'repeatable read'")
    try:
        levels = [await pool.read(ask, LEVEL), await pool.write(ask, LEVEL)]
        async with pool.begin() as connection:
            levels.append(await connection.scalar(LEVEL))
    finally:
        await role.execute("ALTER ROLE CURRENT_USER RESET default_transaction_isolation")
        await role.close()

    assert levels == ["read committed"] * 3


async def ask(connection: Connection, /, question: Any, **parameters: object) -> object:
    return await connection.scalar(question, parameters)


@pytest.fixture
async def pool(stores: Addresses) -> AsyncIterator[Database]:
    """The service's own way to Postgres, in this process."""
    opened = Database(settings_of(stores), DatabaseMetrics(CollectorRegistry()))
    yield opened
    await opened.close()
