"""How long sessions and their tokens live: idle since the last rotation, absolute since the sign-in."""

from datetime import datetime, timedelta

import asyncpg
import pytest

from tests.kit.ageing import A_MOMENT, AGE, GRACE, IDLE, age
from tests.kit.claims import read_claims
from tests.kit.metrics import total
from tests.kit.people import Person, SignedIn, problem
from tests.kit.refreshing import audited, refresh, refreshed, session_row
from tests.kit.services import Service, StartService

REFUSED = (401, "refresh_token_refused")
NEARLY = timedelta(minutes=1)


async def test_a_session_that_was_not_refreshed_for_too_long_is_over(
    replicas: tuple[Service, Service], ada: Person, database: asyncpg.Connection
) -> None:
    used, unused = await ada.sign_in("used"), await ada.sign_in("unused")
    await age(database, used.session_id, IDLE - NEARLY)
    await age(database, unused.session_id, IDLE + A_MOMENT)
    before = await total(replicas, "signet_refreshes_total", outcome="expired")

    in_time = await refresh(replicas[0], used.refresh_token)
    too_late = await refresh(replicas[0], unused.refresh_token)

    assert in_time.status_code == 200
    assert problem(too_late) == REFUSED
    assert await total(replicas, "signet_refreshes_total", outcome="expired") == before + 1


async def test_idle_counts_from_the_last_rotation(service: Service, ada: Person, database: asyncpg.Connection) -> None:
    phone = await ada.sign_in()
    await age(database, phone.session_id, IDLE - NEARLY)
    once = await refreshed(service, phone.refresh_token)
    await age(database, phone.session_id, IDLE - NEARLY)

    twice = await refresh(service, once.refresh_token)
    await age(database, phone.session_id, IDLE)

    assert twice.status_code == 200
    assert problem(await refresh(service, twice.json()["refresh_token"])) == REFUSED


async def test_a_repeat_does_not_prolong_a_session(service: Service, ada: Person, database: asyncpg.Connection) -> None:
    phone = await ada.sign_in()
    first = await refresh(service, phone.refresh_token)
    await age(database, phone.session_id, GRACE / 2)

    repeated = await refresh(service, phone.refresh_token)

    ends = [datetime.fromisoformat(answer.json()["session"]["expires_at"]) for answer in (first, repeated)]
    assert ends[0] - ends[1] == GRACE / 2


async def test_a_session_used_every_month_is_over_at_its_age(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    phone = await _used_until(service, database, await ada.sign_in("phone"), AGE - NEARLY)
    laptop = await _used_until(service, database, await ada.sign_in("laptop"), AGE + A_MOMENT)

    assert (await refresh(service, phone.refresh_token)).status_code == 200
    assert problem(await refresh(service, laptop.refresh_token)) == REFUSED


async def test_an_expired_session_is_no_replay_whatever_token_is_shown(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in()
    current = await refreshed(service, phone.refresh_token)
    await age(database, phone.session_id, IDLE + A_MOMENT)

    answers = [await refresh(service, token) for token in (phone.refresh_token, current.refresh_token)]

    assert [problem(answer) for answer in answers] == [REFUSED, REFUSED]
    assert (await session_row(database, phone.session_id))["ended_at"] is None
    assert await audited(database, "session.replayed", phone.session_id) == 0


async def test_expires_at_is_the_earlier_of_idle_and_absolute(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in()
    await age(database, phone.session_id, timedelta(days=29))
    by_idle = (await refresh(service, phone.refresh_token)).json()
    row_by_idle = await session_row(database, phone.session_id)
    await age(database, phone.session_id, timedelta(days=29))
    second = await refreshed(service, by_idle["refresh_token"])
    await age(database, phone.session_id, timedelta(days=29))

    by_age = (await refresh(service, second.refresh_token)).json()

    row = await session_row(database, phone.session_id)
    assert datetime.fromisoformat(by_idle["session"]["expires_at"]) == row_by_idle["rotated_at"] + IDLE
    assert by_idle["refresh_expires_in"] == pytest.approx(IDLE.total_seconds(), abs=5)
    assert datetime.fromisoformat(by_age["session"]["expires_at"]) == row["created_at"] + AGE
    assert by_age["refresh_expires_in"] == pytest.approx(timedelta(days=3).total_seconds(), abs=30)


async def test_an_access_token_never_outlives_its_session(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    phone = await _used_until(service, database, await ada.sign_in(), AGE - timedelta(seconds=60))

    answer = (await refresh(service, phone.refresh_token)).json()

    row = await session_row(database, phone.session_id)
    claims = read_claims(answer["access_token"])
    assert claims["exp"] == int((row["created_at"] + AGE).timestamp())
    assert 40 <= answer["expires_in"] <= 60
    assert answer["refresh_expires_in"] <= 60
    assert await service.accepts(answer["access_token"])


async def test_at_sign_in_too_an_access_token_never_outlives_its_session(
    start_service: StartService, ada: Person
) -> None:
    brief = await start_service(SIGNET_SESSION_IDLE="90 s", SIGNET_SESSION_AGE="60 s")

    phone = await ada.sign_in("phone", brief)

    assert 55 <= phone.expires_in <= 60
    assert 55 <= phone.refresh_expires_in <= 60


async def test_lengths_are_settings_of_the_process_and_not_stored_with_the_session(
    service: Service, start_service: StartService, ada: Person, database: asyncpg.Connection
) -> None:
    strict = await start_service(SIGNET_SESSION_IDLE="1 h", SIGNET_REFRESH_GRACE="0")
    phone, laptop = await ada.sign_in("phone"), await ada.sign_in("laptop")
    await age(database, phone.session_id, timedelta(hours=1))

    assert problem(await refresh(strict, phone.refresh_token)) == REFUSED
    assert (await refresh(service, phone.refresh_token)).status_code == 200
    assert (await refresh(strict, laptop.refresh_token)).status_code == 200


async def test_without_a_grace_each_token_is_good_once(
    start_service: StartService, ada: Person, database: asyncpg.Connection
) -> None:
    strict = await start_service(SIGNET_REFRESH_GRACE="0")
    phone = await ada.sign_in("phone", strict)
    first = await refreshed(strict, phone.refresh_token)
    second = await refreshed(strict, first.refresh_token)

    replayed = await refresh(strict, first.refresh_token)

    assert second.refresh_token != first.refresh_token
    assert problem(replayed) == REFUSED
    assert (await session_row(database, phone.session_id))["ended_by"] == "replay"


async def test_an_expired_session_is_neither_listed_nor_found(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    expired, running = await ada.sign_in("expired"), await ada.sign_in("running")
    await age(database, expired.session_id, IDLE + A_MOMENT)

    listed = (await service.get("/v1/sessions", token=running.access_token)).json()["items"]
    ended = await service.delete(f"/v1/sessions/{expired.session_id}", token=running.access_token)

    assert [item["id"] for item in listed] == [running.session_id]
    assert problem(ended) == (404, "session_not_found")


async def _used_until(service: Service, database: asyncpg.Connection, session: SignedIn, until: timedelta) -> SignedIn:
    """Make a session this old that was refreshed every month, last within the month."""
    month = timedelta(days=29)
    while until > month:
        await age(database, session.session_id, month)
        session = await refreshed(service, session.refresh_token)
        until -= month
    await age(database, session.session_id, until)
    return session
