"""A user has about as many sessions as the limit says: the oldest end, so a sign-in is never refused for it."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.kit.environment import Addresses
from tests.kit.everywhere import accepted_everywhere, refused_everywhere
from tests.kit.people import Person, SignedIn
from tests.kit.racing import transaction
from tests.kit.refreshing import refresh, running_sessions, session_row
from tests.kit.services import Service, running_service

LIMIT = {"SIGNET_SESSION_LIMIT": "3", "SIGNET_HASH_WAIT": "30s"}


@pytest.fixture(scope="module")
async def bounded(stores: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """A replica that lets a user have three sessions."""
    log = tmp_path_factory.mktemp("logs") / "bounded.log"
    async with running_service(stores, log, LIMIT) as replica:
        yield replica


async def test_the_oldest_session_ends_when_there_are_too_many(
    replicas: tuple[Service, Service], bounded: Service, ada: Person, database: asyncpg.Connection
) -> None:
    oldest, *others = [await ada.sign_in(f"device {number}", bounded) for number in range(3)]
    before = await running_sessions(database, ada.id)

    newest = await ada.sign_in("one more", bounded)

    kept = [*others, newest]
    assert before == {oldest.session_id, *(session.session_id for session in others)}
    assert await running_sessions(database, ada.id) == {session.session_id for session in kept}
    assert (await session_row(database, oldest.session_id))["ended_by"] == "too_many"
    await refused_everywhere((bounded, *replicas), oldest.access_token)
    assert (await refresh(bounded, oldest.refresh_token)).status_code == 401
    await accepted_everywhere((bounded, *replicas), *(session.access_token for session in kept))


async def test_signing_in_again_and_again_never_passes_the_limit(
    bounded: Service, ada: Person, database: asyncpg.Connection
) -> None:

    for _ in range(8):
        newest = await ada.sign_in("phone", bounded)

        running = await running_sessions(database, ada.id)
        assert newest.session_id in running
        assert len(running) <= 3


async def test_a_sign_in_is_not_refused_because_the_oldest_session_can_not_be_ended_now(
    bounded: Service, ada: Person, database: asyncpg.Connection
) -> None:
    before = [await ada.sign_in(f"device {number}", bounded) for number in range(3)]
    async with transaction(database):
        # As much as a sign-in does itself, so that only what ends the oldest has to wait, and waits in vain.
        await database.execute("SELECT 1 FROM users WHERE id = $1 FOR SHARE", ada.id)
        newest = await ada.sign_in("one more", bounded)

    assert len(await running_sessions(database, ada.id)) == 4
    assert await bounded.accepts(newest.access_token)
    last = await ada.sign_in("the last", bounded)
    running = await running_sessions(database, ada.id)
    assert running == {before[2].session_id, newest.session_id, last.session_id}


async def test_sessions_of_others_do_not_count(
    bounded: Service, ada: Person, eve: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in("phone", bounded)

    for _ in range(5):
        await eve.sign_in("phone", bounded)

    assert await running_sessions(database, ada.id) == {phone.session_id}


async def test_ended_sessions_do_not_count(bounded: Service, ada: Person, database: asyncpg.Connection) -> None:
    oldest, ended, third = [await ada.sign_in(f"device {number}", bounded) for number in range(3)]
    await bounded.delete(f"/v1/sessions/{ended.session_id}", token=oldest.access_token)

    newest = await ada.sign_in("one more", bounded)

    assert await running_sessions(database, ada.id) == {
        oldest.session_id,
        third.session_id,
        newest.session_id,
    }


async def test_sign_ins_in_flight_at_the_limit_all_succeed(
    bounded: Service, ada: Person, database: asyncpg.Connection
) -> None:
    body = {"email": ada.email, "password": ada.password}

    answers = await asyncio.gather(*(bounded.post("/v1/sessions", json=body) for _ in range(20)))

    assert len({SignedIn.of(answer).session_id for answer in answers}) == 20
    assert len(await running_sessions(database, ada.id)) >= 3
    await ada.sign_in("afterwards", bounded)
    assert len(await running_sessions(database, ada.id)) == 3
