"""DELETE /v1/users/me: closing one's own account."""

from datetime import timedelta

import asyncpg
import pytest

from tests.kit.ageing import age
from tests.kit.dumping import dump
from tests.kit.everywhere import PROMISED_SECONDS, refused_everywhere
from tests.kit.people import PASSWORD, Person, SignedIn, new_person, problem
from tests.kit.refreshing import refresh, refreshed, running_sessions
from tests.kit.services import Service
from tests.kit.waiting import eventually

ME = "/v1/users/me"
STEP_UP = timedelta(minutes=5)
TABLES_WITH_PEOPLE = ("users", "user_terms", "user_roles", "audit_events", "changes", "idempotency_keys")


async def test_a_closed_account_lets_nobody_in(service: Service, ada: Person) -> None:
    answer = await service.delete(ME, token=(await ada.sign_in()).access_token)
    tried = await service.post("/v1/sessions", json={"email": ada.email, "password": ada.password})

    assert (answer.status_code, answer.content) == (204, b"")
    assert problem(tried) == (401, "credentials_wrong")


async def test_closing_ends_every_session_on_every_replica(
    replicas: tuple[Service, Service], ada: Person, database: asyncpg.Connection
) -> None:
    phone, laptop = await ada.sign_in("phone"), await ada.sign_in("laptop")

    await replicas[0].delete(ME, token=laptop.access_token)

    await refused_everywhere(replicas, phone.access_token, laptop.access_token)
    assert await running_sessions(database, ada.id) == set()
    for session in (phone, laptop):
        assert problem(await refresh(replicas[0], session.refresh_token)) == (401, "refresh_token_refused")


async def test_closing_erases_what_is_personal_and_keeps_the_id(
    service: Service, boss: SignedIn, database: asyncpg.Connection
) -> None:
    answer = await service.post(
        "/v1/users",
        json={"email": "Countess@example.com", "password": PASSWORD, "display_name": "Lovelace"},
    )
    ada = Person(service, "Countess@example.com", id=answer.json()["id"])
    await service.delete(ME, token=(await ada.sign_in()).access_token)

    closed = (await service.get(f"/v1/users/{ada.id}", token=boss.access_token)).json()
    row = await database.fetchrow("SELECT * FROM users WHERE id = $1", ada.id)
    stored = "".join([await dump(database, table) for table in TABLES_WITH_PEOPLE]).casefold()

    assert (closed["email"], closed["display_name"], closed["status"]) == (None, None, "closed")
    assert (closed["email_verified"], closed["roles"]) == (False, [])
    assert row is not None
    assert [row[name] for name in ("email", "email_key", "display_name", "password_hash")] == [None] * 4
    assert "countess" not in stored
    assert "lovelace" not in stored
    assert await audited(database, ada.id) == ["user.registered", "session.signed_in", "user.closed"]


async def test_the_address_is_free_for_somebody_new(service: Service, ada: Person) -> None:
    taken = await service.post("/v1/users", json={"email": ada.email, "password": PASSWORD})
    await service.delete(ME, token=(await ada.sign_in()).access_token)

    again = await new_person(service, "ADA@example.com")

    assert problem(taken) == (409, "email_taken")
    assert again.id != ada.id
    assert (await service.get(ME, token=(await again.sign_in()).access_token)).json()["id"] == again.id


async def test_a_closed_account_is_found_by_no_word_of_its_own(service: Service, ada: Person, boss: SignedIn) -> None:
    found = await service.get("/v1/users?search=ada", token=boss.access_token)
    await service.delete(ME, token=(await ada.sign_in()).access_token)
    lost = await service.get("/v1/users?search=ada", token=boss.access_token)

    assert [user["id"] for user in found.json()["items"]] == [ada.id]
    assert lost.json()["items"] == []


async def test_two_closed_accounts_do_not_collide(service: Service, ada: Person, eve: Person) -> None:
    for person in (ada, eve):
        assert (await service.delete(ME, token=(await person.sign_in()).access_token)).status_code == 204


async def test_a_cached_profile_is_gone_with_the_account(
    replicas: tuple[Service, Service], ada: Person, boss: SignedIn
) -> None:
    session = await ada.sign_in()
    for replica in replicas:
        await replica.get(f"/v1/users/{ada.id}", token=boss.access_token)
    await replicas[0].delete(ME, token=session.access_token)

    async def shows_nothing() -> bool:
        return "ada@example.com" not in (await replicas[1].get(f"/v1/users/{ada.id}", token=boss.access_token)).text

    assert "ada@example.com" not in (await replicas[0].get(f"/v1/users/{ada.id}", token=boss.access_token)).text
    await eventually(shows_nothing, within=PROMISED_SECONDS)


async def test_if_match_is_honoured_when_it_is_given(service: Service, ada: Person) -> None:
    session = await ada.sign_in()
    refused = await service.delete(ME, token=session.access_token, headers={"If-Match": '"1.2"'})
    allowed = await service.delete(ME, token=session.access_token, headers={"If-Match": '"1.1"'})

    assert problem(refused) == (412, "version_stale")
    assert allowed.status_code == 204


async def test_an_old_sign_in_is_not_enough_and_a_new_one_is(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    session = await ada.sign_in()
    await age(database, session.session_id, STEP_UP + timedelta(seconds=10))
    old = await refreshed(service, session.refresh_token)

    refused = await service.delete(ME, token=old.access_token)
    still = await service.get(ME, token=old.access_token)
    allowed = await service.delete(ME, token=(await ada.sign_in()).access_token)

    assert problem(refused) == (401, "insufficient_user_authentication")
    assert refused.headers["www-authenticate"] == 'Bearer error="insufficient_user_authentication", max_age="300"'
    assert still.json()["status"] == "active"
    assert allowed.status_code == 204


async def test_a_sign_in_of_the_last_minutes_is_enough_though_it_was_refreshed(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    session = await ada.sign_in()
    await age(database, session.session_id, STEP_UP - timedelta(seconds=30))

    answer = await service.delete(ME, token=(await refreshed(service, session.refresh_token)).access_token)

    assert answer.status_code == 204


async def test_the_last_admin_stays(service: Service, boss: SignedIn) -> None:
    answer = await service.delete(ME, token=boss.access_token)

    assert problem(answer) == (409, "last_admin")
    assert await service.accepts(boss.access_token)


@pytest.mark.parametrize("path", [ME, "/v1/users/0198f3c2-a7bb-7d10-a2b4-c6d8e0f1a2b3"])
async def test_nobody_closes_an_account_without_a_token(service: Service, path: str) -> None:
    assert problem(await service.delete(path)) == (401, "token_missing")


async def audited(database: asyncpg.Connection, user_id: str) -> list[str]:
    rows = await database.fetch("SELECT kind FROM audit_events WHERE user_id = $1 ORDER BY id", user_id)
    return [row["kind"] for row in rows]
