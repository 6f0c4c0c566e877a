"""POST /v1/sessions/refresh: rotating, repeating, moving forward."""

import asyncio
from datetime import datetime

import asyncpg
import pytest

from tests.kit.ageing import A_MOMENT, GRACE, age
from tests.kit.claims import lineage, read_claims
from tests.kit.everywhere import accepted_everywhere
from tests.kit.metrics import read_metrics, total
from tests.kit.people import Person, SignedIn
from tests.kit.refreshing import audited, refresh, refreshed, session_row
from tests.kit.services import Service

PARALLEL = 20


async def test_a_refresh_answers_the_next_pair_of_the_same_session(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in("phone")

    answer = await refresh(service, phone.refresh_token)

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    pair = answer.json()
    assert set(pair) == {
        "token_type",
        "access_token",
        "expires_in",
        "refresh_token",
        "refresh_expires_in",
        "session",
    }
    assert pair["session"]["id"] == phone.session_id
    assert pair["session"]["device"] == "phone"
    assert lineage(pair["refresh_token"]) == (phone.session_id.replace("-", ""), 1)
    row = await session_row(database, phone.session_id)
    assert row["generation"] == 1
    assert datetime.fromisoformat(pair["session"]["created_at"]) == row["created_at"]


async def test_both_access_tokens_work_until_they_end(replicas: tuple[Service, Service], ada: Person) -> None:
    phone = await ada.sign_in()

    again = await refreshed(replicas[1], phone.refresh_token)

    assert again.access_token != phone.access_token
    await accepted_everywhere(replicas, phone.access_token, again.access_token)


async def test_auth_time_stays_that_of_the_sign_in(service: Service, ada: Person, database: asyncpg.Connection) -> None:
    phone = await ada.sign_in()
    signed_in_at = read_claims(phone.access_token)["auth_time"]
    await age(database, phone.session_id, GRACE)

    again = read_claims((await refreshed(service, phone.refresh_token)).access_token)

    assert again["auth_time"] == signed_in_at - GRACE.total_seconds()
    assert again["iat"] >= signed_in_at


async def test_the_current_token_rotates_again_only_after_the_grace(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in()
    first = await refreshed(service, phone.refresh_token)

    at_once = await refreshed(service, first.refresh_token)
    await age(database, phone.session_id, GRACE)
    later = await refreshed(service, first.refresh_token)

    assert at_once.refresh_token == first.refresh_token
    assert lineage(later.refresh_token)[1] == 2


async def test_parallel_refreshes_of_one_token_all_get_the_same_successor(
    replicas: tuple[Service, Service], ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in()
    before = await total(replicas, "signet_refreshes_total", outcome="rotated")

    answers = await asyncio.gather(
        *(refreshed(replicas[number % 2], phone.refresh_token) for number in range(PARALLEL))
    )

    assert {lineage(answer.refresh_token)[1] for answer in answers} == {1}
    assert len({answer.refresh_token for answer in answers}) == 1
    assert (await session_row(database, phone.session_id))["generation"] == 1
    assert await total(replicas, "signet_refreshes_total", outcome="rotated") == before + 1
    await accepted_everywhere(replicas, *(answer.access_token for answer in answers))


async def test_a_lost_answer_is_repeated(replicas: tuple[Service, Service], ada: Person) -> None:
    phone = await ada.sign_in()
    lost = await refreshed(replicas[0], phone.refresh_token)

    retried = await refreshed(replicas[1], phone.refresh_token)

    assert retried.refresh_token == lost.refresh_token
    assert retried.access_token != lost.access_token
    assert (await refreshed(replicas[0], retried.refresh_token)).session_id == phone.session_id


async def test_three_tabs_that_share_a_session_never_sign_each_other_out(
    replicas: tuple[Service, Service], ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in()
    tabs = [phone] * 3
    for turn in range(1, 6):
        # Each tab may come with the former token or with the current one: some have missed the last round.
        behind = tabs[turn % 3]
        tabs = [await refreshed(replicas[turn % 2], tab.refresh_token) for tab in tabs]
        tabs[turn % 3] = await refreshed(replicas[(turn + 1) % 2], behind.refresh_token)

        assert {lineage(tab.refresh_token)[1] for tab in tabs} == {turn}
        await age(database, phone.session_id, GRACE)

    await accepted_everywhere(replicas, *(tab.access_token for tab in tabs))


async def test_a_repeat_does_not_write(service: Service, ada: Person, database: asyncpg.Connection) -> None:
    phone = await ada.sign_in()
    signed_in = await session_row(database, phone.session_id)
    current = await refreshed(service, phone.refresh_token)
    rotated = await session_row(database, phone.session_id)

    for refresh_token in (phone.refresh_token, current.refresh_token):
        await refreshed(service, refresh_token)

    assert rotated["written_by"] != signed_in["written_by"]
    assert await session_row(database, phone.session_id) == rotated


async def test_a_repeat_appends_no_change_and_no_audit_event(service: Service, ada: Person) -> None:
    phone = await ada.sign_in()
    await refreshed(service, phone.refresh_token)
    before = await read_metrics(service)

    await refreshed(service, phone.refresh_token)

    after = await read_metrics(service)
    assert after.statements() - before.statements() == {
        "sessions.spend_refresh_token": 1,
        "sessions.explain_refresh": 1,
    }
    assert after.redis_commands() == before.redis_commands()


async def test_a_rotation_is_one_statement(service: Service, ada: Person) -> None:
    phone = await ada.sign_in()
    before = await read_metrics(service)

    await refreshed(service, phone.refresh_token)

    after = await read_metrics(service)
    assert after.statements() - before.statements() == {"sessions.spend_refresh_token": 1}


async def test_each_session_rotates_by_itself(service: Service, ada: Person, database: asyncpg.Connection) -> None:
    phone, laptop = await ada.sign_in("phone"), await ada.sign_in("laptop")

    await refreshed(service, phone.refresh_token)

    assert (await session_row(database, phone.session_id))["generation"] == 1
    assert (await session_row(database, laptop.session_id))["generation"] == 0


@pytest.mark.parametrize("lost", [1, 2])
async def test_a_token_newer_than_the_database_moves_it_forward(
    replicas: tuple[Service, Service], ada: Person, database: asyncpg.Connection, lost: int
) -> None:
    phone = await ada.sign_in()
    newest = await _rotated_twice(replicas[0], database, phone)
    await database.execute("UPDATE sessions SET generation = $2 WHERE id = $1", phone.session_id, 2 - lost)
    moved = await total(replicas, "signet_refreshes_total", outcome="moved_forward")

    answer = await refreshed(replicas[1], newest.refresh_token)

    assert answer.refresh_token == newest.refresh_token
    assert (await session_row(database, phone.session_id))["generation"] == 2
    assert await total(replicas, "signet_refreshes_total", outcome="moved_forward") == moved + 1
    assert await audited(database, "session.moved_forward", phone.session_id) == 1
    await accepted_everywhere(replicas, answer.access_token)


async def test_moving_forward_starts_a_grace_and_then_goes_on_as_ever(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in()
    newest = await _rotated_twice(service, database, phone)
    await database.execute("UPDATE sessions SET generation = 0, rotated_at = NULL WHERE id = $1", phone.session_id)
    await refreshed(service, newest.refresh_token)

    repeated = await refreshed(service, newest.refresh_token)
    await age(database, phone.session_id, GRACE)
    rotated = await refreshed(service, newest.refresh_token)

    assert repeated.refresh_token == newest.refresh_token
    assert lineage(rotated.refresh_token)[1] == 3


async def test_many_tabs_newer_than_the_database_move_it_forward_once(
    replicas: tuple[Service, Service], ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in()
    newest = await _rotated_twice(replicas[0], database, phone)
    await database.execute("UPDATE sessions SET generation = 0, rotated_at = NULL WHERE id = $1", phone.session_id)

    answers = await asyncio.gather(
        *(refreshed(replicas[number % 2], newest.refresh_token) for number in range(PARALLEL))
    )

    assert {answer.refresh_token for answer in answers} == {newest.refresh_token}
    assert await audited(database, "session.moved_forward", phone.session_id) == 1


async def test_last_used_is_the_last_rotation(service: Service, ada: Person, database: asyncpg.Connection) -> None:
    phone = await ada.sign_in()
    await age(database, phone.session_id, GRACE)
    again = await refreshed(service, phone.refresh_token)

    listed = (await service.get("/v1/sessions", token=again.access_token)).json()["items"]

    row = await session_row(database, phone.session_id)
    assert [datetime.fromisoformat(item["last_used_at"]) for item in listed] == [row["rotated_at"]]
    assert row["rotated_at"] > row["created_at"] + GRACE


async def _rotated_twice(service: Service, database: asyncpg.Connection, session: SignedIn) -> SignedIn:
    for _ in range(2):
        session = await refreshed(service, session.refresh_token)
        await age(database, session.session_id, GRACE + A_MOMENT)
    assert lineage(session.refresh_token)[1] == 2
    return session
