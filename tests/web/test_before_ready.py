"""A process that serves and has loaded nothing yet: it writes nothing, says so at once, and becomes ready by itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from tests.kit.environment import Addresses
from tests.kit.people import PASSWORD, Person, problem
from tests.kit.refreshing import refresh, refreshed, running_sessions, session_row
from tests.kit.services import Service
from tests.kit.unready import waiting_service


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
