"""POST /v1/sessions/refresh: an old token shown again too late ends the session for everyone."""

import asyncio

import asyncpg
import pytest

from tests.kit.ageing import A_MOMENT, GRACE, age
from tests.kit.everywhere import accepted_everywhere, refused_everywhere
from tests.kit.metrics import total
from tests.kit.people import Person, problem
from tests.kit.refreshing import audited, refresh, refreshed, session_row
from tests.kit.services import Service

PARALLEL = 20


async def test_a_former_token_after_the_grace_ends_the_session_for_everyone(
    replicas: tuple[Service, Service], ada: Person, database: asyncpg.Connection
) -> None:
    phone, laptop = await ada.sign_in("phone"), await ada.sign_in("laptop")
    thief = await refreshed(replicas[0], phone.refresh_token)
    await age(database, phone.session_id, GRACE)

    replayed = await refresh(replicas[0], phone.refresh_token)

    assert problem(replayed) == (401, "refresh_token_refused")
    row = await session_row(database, phone.session_id)
    assert row["ended_at"] is not None
    assert row["ended_by"] == "replay"
    assert await replicas[0].refuses(thief.access_token)
    await refused_everywhere(replicas, phone.access_token, thief.access_token)
    assert (await refresh(replicas[1], thief.refresh_token)).status_code == 401
    await accepted_everywhere(replicas, laptop.access_token)
    assert (await refresh(replicas[1], laptop.refresh_token)).status_code == 200


async def test_a_former_token_within_the_grace_does_no_harm(
    replicas: tuple[Service, Service], ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in("phone")
    current = await refreshed(replicas[0], phone.refresh_token)
    await age(database, phone.session_id, GRACE / 2)

    repeated = await refreshed(replicas[1], phone.refresh_token)

    assert repeated.refresh_token == current.refresh_token
    assert (await session_row(database, phone.session_id))["ended_at"] is None
    await accepted_everywhere(replicas, repeated.access_token)


async def test_a_much_older_token_is_a_replay_even_within_the_grace(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in("phone")
    first = await refreshed(service, phone.refresh_token)
    await age(database, phone.session_id, GRACE)
    second = await refreshed(service, first.refresh_token)
    within_grace = await refresh(service, first.refresh_token)

    answer = await refresh(service, phone.refresh_token)

    assert within_grace.status_code == 200
    assert answer.status_code == 401
    assert (await session_row(database, phone.session_id))["ended_by"] == "replay"
    assert await service.refuses(second.access_token)


@pytest.mark.parametrize("spread", [1, 2])
async def test_a_replay_that_comes_many_times_at_once_is_written_down_once(
    replicas: tuple[Service, Service], ada: Person, database: asyncpg.Connection, spread: int
) -> None:
    phone = await ada.sign_in("phone")
    current = await refreshed(replicas[0], phone.refresh_token)
    await age(database, phone.session_id, GRACE + A_MOMENT)
    before = await _counted(replicas)

    answers = await asyncio.gather(
        *(refresh(replicas[number % spread], phone.refresh_token) for number in range(PARALLEL))
    )

    assert {problem(answer) for answer in answers} == {(401, "refresh_token_refused")}
    assert await audited(database, "session.replayed", phone.session_id) == 1
    announced = "SELECT count(*) FROM changes WHERE kind = 'session' AND subject = $1"
    assert await database.fetchval(announced, phone.session_id) == 1
    replayed, ended, revoked = await _counted(replicas)
    assert (replayed, ended, revoked) == (before[0] + 1, before[1] + PARALLEL - 1, before[2] + 1)
    await refused_everywhere(replicas, phone.access_token, current.access_token)


async def test_the_current_token_against_a_replay_ends_the_session_in_whatever_order(
    replicas: tuple[Service, Service], ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in("phone")
    current = await refreshed(replicas[0], phone.refresh_token)
    await age(database, phone.session_id, GRACE + A_MOMENT)

    answers = await asyncio.gather(
        *(refresh(replicas[number % 2], (current if number % 3 else phone).refresh_token) for number in range(PARALLEL))
    )

    assert {answer.status_code for answer in answers} <= {200, 401}
    assert {answers[number].status_code for number in range(0, PARALLEL, 3)} == {401}
    assert await audited(database, "session.replayed", phone.session_id) == 1
    assert (await session_row(database, phone.session_id))["ended_by"] == "replay"
    pairs = [answer.json()["access_token"] for answer in answers if answer.status_code == 200]
    await refused_everywhere(replicas, current.access_token, *pairs)


async def test_the_replayed_session_is_named_in_the_audit_and_nobody_as_its_actor(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in("phone")
    await refreshed(service, phone.refresh_token)
    await age(database, phone.session_id, GRACE)

    answer = await refresh(service, phone.refresh_token)

    event = await database.fetchrow("SELECT * FROM audit_events WHERE kind = 'session.replayed'")
    assert event is not None
    assert (str(event["user_id"]), str(event["session_id"])) == (ada.id, phone.session_id)
    assert event["actor_id"] is None
    assert event["request_id"] == answer.headers["x-request-id"]


async def test_an_ended_session_is_refused_and_is_no_replay(
    replicas: tuple[Service, Service], ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in("phone")
    current = await refreshed(replicas[0], phone.refresh_token)
    await replicas[0].delete("/v1/sessions/current", token=current.access_token)
    before = await _counted(replicas)

    for refresh_token in (phone.refresh_token, current.refresh_token):
        assert problem(await refresh(replicas[1], refresh_token)) == (401, "refresh_token_refused")

    assert await _counted(replicas) == (before[0], before[1] + 2, before[2])
    assert await audited(database, "session.replayed", phone.session_id) == 0
    assert (await session_row(database, phone.session_id))["ended_by"] == "signed_out"


async def _counted(replicas: tuple[Service, Service]) -> tuple[float, float, float]:
    """Count refreshes that were replays, refreshes of ended sessions, and sessions that replays ended."""
    return (
        await total(replicas, "signet_refreshes_total", outcome="replayed"),
        await total(replicas, "signet_refreshes_total", outcome="ended"),
        await total(replicas, "signet_sessions_ended_total", cause="replay"),
    )
