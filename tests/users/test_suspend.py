"""POST /v1/users/{id}/suspend and /reinstate."""

import asyncpg
import pytest

from tests.kit.accounts import refused_fields
from tests.kit.everywhere import refused_everywhere
from tests.kit.people import Person, SignedIn, problem
from tests.kit.refreshing import refresh, running_sessions
from tests.kit.services import Service


async def test_a_suspended_user_is_out_on_every_replica(
    replicas: tuple[Service, Service], ada: Person, boss: SignedIn, database: asyncpg.Connection
) -> None:
    phone, laptop = await ada.sign_in("phone"), await ada.sign_in("laptop")

    answer = await replicas[0].post(f"/v1/users/{ada.id}/suspend", token=boss.access_token, json={})

    assert (answer.status_code, answer.json()["status"], answer.headers["etag"]) == (200, "suspended", '"1.2"')
    await refused_everywhere(replicas, phone.access_token, laptop.access_token)
    assert problem(await refresh(replicas[1], phone.refresh_token)) == (401, "refresh_token_refused")
    assert await running_sessions(database, ada.id) == set()


async def test_no_reason_has_to_be_given_and_an_empty_body_is_of_no_type(
    service: Service, ada: Person, boss: SignedIn
) -> None:
    answer = await service.post(f"/v1/users/{ada.id}/suspend", token=boss.access_token)

    assert (answer.status_code, answer.json()["status"]) == (200, "suspended")


async def test_that_one_is_suspended_is_told_to_whoever_knows_the_password(
    service: Service, ada: Person, boss: SignedIn
) -> None:
    await suspend(service, boss, ada)

    knows = await service.post("/v1/sessions", json={"email": ada.email, "password": ada.password})
    guesses = await service.post("/v1/sessions", json={"email": ada.email, "password": "a wrong password"})

    assert problem(knows) == (403, "user_suspended")
    assert problem(guesses) == (401, "credentials_wrong")


async def test_a_reinstated_user_signs_in_again_but_ended_sessions_stay_ended(
    service: Service, ada: Person, boss: SignedIn
) -> None:
    session = await ada.sign_in()
    await suspend(service, boss, ada)

    answer = await service.post(f"/v1/users/{ada.id}/reinstate", token=boss.access_token)

    assert (answer.status_code, answer.json()["status"], answer.headers["etag"]) == (200, "active", '"1.3"')
    assert await service.accepts((await ada.sign_in()).access_token)
    assert await service.refuses(session.access_token)
    assert problem(await refresh(service, session.refresh_token)) == (401, "refresh_token_refused")


async def test_suspending_or_reinstating_twice_is_harmless(
    service: Service, ada: Person, boss: SignedIn, database: asyncpg.Connection
) -> None:
    first, second = await suspend(service, boss, ada), await suspend(service, boss, ada)
    third = await service.post(f"/v1/users/{ada.id}/reinstate", token=boss.access_token)
    fourth = await service.post(f"/v1/users/{ada.id}/reinstate", token=boss.access_token)

    assert second == first
    assert (fourth.status_code, fourth.content) == (200, third.content)
    kinds = await database.fetch("SELECT kind FROM audit_events WHERE kind LIKE 'user.%ted' OR kind LIKE 'user.%ended'")
    assert sorted(row["kind"] for row in kinds) == ["user.reinstated", "user.suspended"]


async def test_the_reason_is_kept_by_the_audit_trail_alone(
    service: Service, ada: Person, admin: Person, boss: SignedIn, database: asyncpg.Connection
) -> None:
    answer = await service.post(
        f"/v1/users/{ada.id}/suspend", token=boss.access_token, json={"reason": "abuse report 4711"}
    )

    row = await database.fetchrow(
        "SELECT actor_id::text, details->>'reason' AS reason FROM audit_events WHERE kind = 'user.suspended'"
    )
    assert row is not None
    assert tuple(row) == (admin.id, "abuse report 4711")
    assert "4711" not in answer.text


@pytest.mark.parametrize("reason", ["x" * 501, "a\0b", 5])
async def test_a_reason_that_is_none_is_refused_and_nobody_suspended(
    service: Service, ada: Person, boss: SignedIn, reason: object
) -> None:
    answer = await service.post(f"/v1/users/{ada.id}/suspend", token=boss.access_token, json={"reason": reason})

    assert problem(answer) == (422, "request_invalid")
    assert refused_fields(answer) == {"/reason"}
    assert (await ada.sign_in()).access_token


@pytest.mark.parametrize("action", ["suspend", "reinstate"])
async def test_a_closed_account_has_no_standing(service: Service, ada: Person, boss: SignedIn, action: str) -> None:
    await service.delete(f"/v1/users/{ada.id}", token=boss.access_token)

    answer = await service.post(f"/v1/users/{ada.id}/{action}", token=boss.access_token, json={})

    assert problem(answer) == (409, "user_closed")


async def test_a_suspended_user_keeps_address_and_roles(service: Service, ada: Person, boss: SignedIn) -> None:
    await service.put(f"/v1/users/{ada.id}/roles", token=boss.access_token, json={"roles": ["support"]})
    await suspend(service, boss, ada)

    taken = await service.post("/v1/users", json={"email": ada.email, "password": ada.password})
    read = (await service.get(f"/v1/users/{ada.id}", token=boss.access_token)).json()

    assert problem(taken) == (409, "email_taken")
    assert (read["email"], read["roles"]) == (ada.email, ["support"])


async def suspend(service: Service, boss: SignedIn, person: Person) -> bytes:
    """Suspend somebody; gives the answer's body."""
    answer = await service.post(f"/v1/users/{person.id}/suspend", token=boss.access_token, json={})
    assert answer.status_code == 200, answer.text
    return answer.content
