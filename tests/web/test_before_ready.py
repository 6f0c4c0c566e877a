"""A process that serves and has loaded nothing yet: it writes nothing, says so at once, and becomes ready by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.kit.environment import Addresses
from tests.kit.people import PASSWORD, Person, problem
from tests.kit.refreshing import refresh, refreshed, running_sessions, session_row
from tests.kit.services import STOP_SECONDS, Service
from tests.kit.unready import waiting_service
from tests.kit.waiting import eventually


@asynccontextmanager
async def too_new_a_schema(database: asyncpg.Connection) -> AsyncIterator[None]:
    """A later build has contracted the schema; whoever has started goes on."""
    await database.execute("UPDATE schema_state SET compatible_from = compatible_from + 1000")
    try:
        yield
    finally:
        await database.execute("UPDATE schema_state SET compatible_from = compatible_from - 1000")


@pytest.fixture
async def waiting(stores: Addresses, database: asyncpg.Connection, tmp_path: Path) -> AsyncIterator[Service]:
    """A replica that waits for a schema which fits it, on stores that answer."""
    async with too_new_a_schema(database), waiting_service(stores, tmp_path / "log") as service:
        yield service


async def test_nothing_is_written_to_a_schema_that_does_not_fit(
    waiting: Service, service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in("phone")
    before = await session_row(database, phone.session_id), await running_sessions(database, ada.id)
    new = {"email": "new@example.com", "password": PASSWORD}

    answers = [
        await waiting.post("/v1/sessions", json={"email": ada.email, "password": ada.password}),
        await refresh(waiting, phone.refresh_token),
        await waiting.post("/oauth/token", data={"grant_type": "refresh_token", "refresh_token": phone.refresh_token}),
        await waiting.post("/v1/users", json=new),
        await waiting.get("/v1/users/me", token=phone.access_token),
    ]

    assert {problem(answer) for answer in answers} == {(503, "store_unavailable")}
    assert {answer.headers["retry-after"] for answer in answers} == {"1"}
    assert (await session_row(database, phone.session_id), await running_sessions(database, ada.id)) == before
    assert await database.fetchval("SELECT count(*) FROM users") == 1
    # Who has started takes what was refused: the token was not spent.
    assert await service.accepts((await refreshed(service, phone.refresh_token)).access_token)


async def test_pages_that_need_nothing_are_there_before_the_start(waiting: Service) -> None:
    for path in ("/docs", "/openapi.json", "/problems", "/problems/store_unavailable"):
        assert (await waiting.get(path)).status_code == 200, path


@pytest.fixture
async def unforeseen(
    fresh_stores: Addresses, fresh_database: asyncpg.Connection, tmp_path: Path
) -> AsyncIterator[Service]:
    """A replica on a schema that claims to fit and lacks a table."""
    await fresh_database.execute("ALTER TABLE changes RENAME TO changes_away")
    async with waiting_service(fresh_stores, tmp_path / "log") as service:
        await eventually(has_said, service, "UndefinedTableError", within=10)
        yield service


async def test_whatever_a_start_fails_of_is_told_once_and_tried_again_until_it_is_repaired(
    unforeseen: Service, fresh_database: asyncpg.Connection
) -> None:
    assert not await is_ready(unforeseen)

    await fresh_database.execute("ALTER TABLE changes_away RENAME TO changes")

    await eventually(is_ready, unforeseen, within=10)
    assert unforeseen.log.read_text().count('"reason":"UndefinedTableError"') == 1


async def test_a_process_that_never_started_ends_in_order(unforeseen: Service) -> None:
    unforeseen.process.terminate()

    await asyncio.to_thread(unforeseen.process.wait, STOP_SECONDS)

    assert unforeseen.process.returncode == 0
    assert "Traceback" not in unforeseen.log.read_text()
    assert "shutdown failed" not in unforeseen.log.read_text()


async def is_ready(service: Service) -> bool:
    return (await service.get(f"{service.management_url}/readyz")).status_code == 200


async def has_said(service: Service, word: str) -> bool:
    return word in service.log.read_text()
