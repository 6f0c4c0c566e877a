"""Logging out: here, everywhere, everywhere else; and an admin who ends all sessions of a user."""

from uuid import uuid4

import asyncpg
import pytest

from tests.kit.everywhere import accepted_everywhere, refused_everywhere
from tests.kit.people import Person, SignedIn, problem
from tests.kit.refreshing import audited, refresh, refreshed, running_sessions, session_row
from tests.kit.services import Service


async def test_logging_out_ends_the_session_that_asks_and_no_other(
    replicas: tuple[Service, Service], ada: Person, database: asyncpg.Connection
) -> None:
    phone, laptop = await ada.sign_in("phone"), await ada.sign_in("laptop")

    answer = await replicas[0].delete("/v1/sessions/current", token=phone.access_token)

    assert (answer.status_code, answer.content) == (204, b"")
    assert await replicas[0].refuses(phone.access_token)
    await refused_everywhere(replicas, phone.access_token)
    assert (await refresh(replicas[1], phone.refresh_token)).status_code == 401
    assert (await session_row(database, phone.session_id))["ended_by"] == "signed_out"
    assert await audited(database, "session.ended", phone.session_id) == 1
    await accepted_everywhere(replicas, laptop.access_token)
    assert (await refresh(replicas[1], laptop.refresh_token)).status_code == 200


async def test_logging_out_twice_is_refused_the_second_time(service: Service, ada: Person) -> None:
    phone = await ada.sign_in("phone")

    first = await service.delete("/v1/sessions/current", token=phone.access_token)
    second = await service.delete("/v1/sessions/current", token=phone.access_token)

    assert first.status_code == 204
    assert problem(second) == (401, "token_invalid")


async def test_an_older_access_token_of_the_same_session_ends_with_it(
    replicas: tuple[Service, Service], ada: Person
) -> None:
    phone = await ada.sign_in("phone")
    again = await refreshed(replicas[1], phone.refresh_token)

    await replicas[0].delete("/v1/sessions/current", token=phone.access_token)

    await refused_everywhere(replicas, phone.access_token, again.access_token)


async def test_logging_out_everywhere_ends_every_session_and_every_access_token(
    replicas: tuple[Service, Service], ada: Person, eve: Person, database: asyncpg.Connection
) -> None:
    sessions = [await ada.sign_in(device) for device in ("phone", "laptop", "desk")]
    bystander = await eve.sign_in()

    answer = await replicas[0].delete("/v1/sessions", token=sessions[0].access_token)

    assert (answer.status_code, answer.content) == (204, b"")
    await refused_everywhere(replicas, *(session.access_token for session in sessions))
    for session in sessions:
        assert (await refresh(replicas[1], session.refresh_token)).status_code == 401
    assert await running_sessions(database, ada.id) == set()
    await accepted_everywhere(replicas, bystander.access_token)
    await accepted_everywhere(replicas, (await ada.sign_in("again")).access_token)


async def test_keep_current_ends_every_session_but_the_one_that_asks(
    replicas: tuple[Service, Service], ada: Person, eve: Person, database: asyncpg.Connection
) -> None:
    asking, *others = [await ada.sign_in(device) for device in ("phone", "laptop", "desk")]
    bystander = await eve.sign_in()

    answer = await replicas[0].delete("/v1/sessions", params={"keep": "current"}, token=asking.access_token)

    assert (answer.status_code, answer.content) == (204, b"")
    await refused_everywhere(replicas, *(session.access_token for session in others))
    for session in others:
        assert (await refresh(replicas[1], session.refresh_token)).status_code == 401
    await accepted_everywhere(replicas, asking.access_token, bystander.access_token)
    assert (await refresh(replicas[1], asking.refresh_token)).status_code == 200
    assert await running_sessions(database, ada.id) == {asking.session_id}


async def test_keep_current_with_nothing_else_to_end_is_fine(replicas: tuple[Service, Service], ada: Person) -> None:
    phone = await ada.sign_in("phone")

    answers = [
        await replicas[0].delete("/v1/sessions", params={"keep": "current"}, token=phone.access_token) for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [204, 204]
    await accepted_everywhere(replicas, phone.access_token)


@pytest.mark.parametrize("keep", ["others", "Current", "", "current,others"])
async def test_what_to_keep_is_current_or_nothing(
    service: Service, ada: Person, database: asyncpg.Connection, keep: str
) -> None:
    phone, laptop = await ada.sign_in("phone"), await ada.sign_in("laptop")

    answer = await service.delete("/v1/sessions", params={"keep": keep}, token=phone.access_token)

    assert problem(answer) == (422, "request_invalid")
    assert await running_sessions(database, ada.id) == {phone.session_id, laptop.session_id}


async def test_an_admin_ends_every_session_of_a_user(
    replicas: tuple[Service, Service], ada: Person, admin: Person, database: asyncpg.Connection
) -> None:
    boss = await admin.sign_in()
    sessions = [await ada.sign_in(device) for device in ("phone", "laptop")]

    answer = await replicas[0].delete(f"/v1/users/{ada.id}/sessions", token=boss.access_token)

    assert (answer.status_code, answer.content) == (204, b"")
    await refused_everywhere(replicas, *(session.access_token for session in sessions))
    for session in sessions:
        assert (await refresh(replicas[1], session.refresh_token)).status_code == 401
        assert (await session_row(database, session.session_id))["ended_by"] == "admin"
    await accepted_everywhere(replicas, boss.access_token)
    assert (await ada.sign_in("again")).session_id


async def test_the_audit_says_which_admin_ended_whose_sessions(
    service: Service, ada: Person, admin: Person, database: asyncpg.Connection
) -> None:
    boss = await admin.sign_in()
    for device in ("phone", "laptop"):
        await ada.sign_in(device)

    await service.delete(f"/v1/users/{ada.id}/sessions", token=boss.access_token)

    event = await database.fetchrow("SELECT * FROM audit_events WHERE kind = 'session.all_ended'")
    assert event is not None
    assert (str(event["user_id"]), str(event["actor_id"])) == (ada.id, admin.id)
    assert '"count": 2' in event["details"]


async def test_nobody_else_ends_the_sessions_of_a_user(
    service: Service, ada: Person, eve: Person, database: asyncpg.Connection
) -> None:
    phone, intruder = await ada.sign_in(), await eve.sign_in()
    path = f"/v1/users/{ada.id}/sessions"

    assert problem(await service.delete(path, token=intruder.access_token)) == (403, "forbidden")
    assert problem(await service.delete(path)) == (401, "token_missing")
    assert await running_sessions(database, ada.id) == {phone.session_id}
    assert await service.accepts(phone.access_token)


async def test_the_sessions_of_nobody_can_not_be_ended(service: Service, admin: Person) -> None:
    boss = await admin.sign_in()

    unknown = await service.delete(f"/v1/users/{uuid4()}/sessions", token=boss.access_token)
    impossible = await service.delete("/v1/users/nobody/sessions", token=boss.access_token)

    assert problem(unknown) == (404, "user_not_found")
    assert problem(impossible) == (404, "not_found")


@pytest.mark.parametrize("path", ["", "/current", "/0198f3c2-a7bb-7d10-a2b4-c6d8e0f1a2b3"])
async def test_nobody_ends_anything_without_a_token(service: Service, ada: Person, path: str) -> None:
    phone = await ada.sign_in()

    without = await service.delete(f"/v1/sessions{path}")
    garbled = await service.delete(f"/v1/sessions{path}", token=phone.access_token + "x")

    assert problem(without) == (401, "token_missing")
    assert problem(garbled) == (401, "token_invalid")
    assert await service.accepts(phone.access_token)


async def test_ending_the_same_session_many_times_over_ends_it_once(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    phone, laptop = await ada.sign_in("phone"), await ada.sign_in("laptop")

    answers = [await service.delete(f"/v1/sessions/{phone.session_id}", token=laptop.access_token) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [204, 404, 404]
    assert await audited(database, "session.ended", phone.session_id) == 1


@pytest.mark.parametrize("session_id", ["nonsense", "0", "%00", "00000000-0000-0000-0000-00000000000g"])
async def test_an_id_that_can_not_exist_is_not_found(service: Service, ada: Person, session_id: str) -> None:
    phone = await ada.sign_in()

    answer = await service.delete(f"/v1/sessions/{session_id}", token=phone.access_token)

    assert problem(answer) == (404, "not_found")
    assert await service.accepts(phone.access_token)


async def test_ones_own_session_may_be_ended_by_its_id(replicas: tuple[Service, Service], ada: Person) -> None:
    phone: SignedIn = await ada.sign_in("phone")

    answer = await replicas[0].delete(f"/v1/sessions/{phone.session_id}", token=phone.access_token)

    assert answer.status_code == 204
    await refused_everywhere(replicas, phone.access_token)
