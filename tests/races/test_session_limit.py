"""Ending the oldest sessions of somebody against ending all of them: neither stands in the other's way."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest

from tests.kit.environment import Addresses
from tests.kit.people import Person, SignedIn
from tests.kit.racing import Onlooker, transaction
from tests.kit.refreshing import running_sessions
from tests.kit.rounds import in_rounds
from tests.kit.services import Service, running_service

LIMIT, TOO_MANY = 3, 12
# The later in the table the older: whoever goes by age meets whoever goes through the table half-way.
OLDER = """
    INSERT INTO sessions (id, user_id, created_at)
    SELECT id, $2, clock_timestamp() - place * interval '1 minute'
    FROM unnest($1::uuid[]) WITH ORDINALITY AS given (id, place)
"""


@in_rounds
async def test_trimming_and_ending_all_sessions_do_not_wait_for_each_other_in_a_circle(
    bounded: Service, ada: Person, admin: Person, database: asyncpg.Connection, onlooker: Onlooker, rounds: int
) -> None:
    boss = await admin.sign_in()
    body = {"email": ada.email, "password": ada.password}
    for _ in range(rounds):
        older = [uuid4() for _ in range(TOO_MANY)]
        await database.execute(OLDER, older, UUID(ada.id))
        # Both wait for the session in the middle, and whoever gets it has to go on past the other.
        async with asyncio.TaskGroup() as group, transaction(database):
            await database.execute("SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE", older[TOO_MANY // 2])
            signing_in = group.create_task(bounded.post("/v1/sessions", json=body))
            await onlooker.until_waiting("sessions.trim")
            ending = group.create_task(bounded.delete(f"/v1/users/{ada.id}/sessions", token=boss.access_token))
            await onlooker.until_waiting(count=2)

        assert SignedIn.of(signing_in.result()).session_id
        assert ending.result().status_code == 204
        assert await running_sessions(database, ada.id) == set()


@pytest.fixture(scope="module")
async def bounded(stores: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """A replica that lets a user have three sessions."""
    log = tmp_path_factory.mktemp("logs") / "bounded.log"
    settings = {"SIGNET_SESSION_LIMIT": str(LIMIT), "SIGNET_DATABASE_TIMEOUT": "10 s", "SIGNET_REQUEST_TIMEOUT": "30 s"}
    async with running_service(stores, log, settings) as replica:
        yield replica


@pytest.fixture
async def onlooker(stores: Addresses) -> AsyncIterator[Onlooker]:
    connection = await asyncpg.connect(stores.database_url)
    yield Onlooker(connection)
    await connection.close()
