"""PATCH /v1/users/{id}: changing a user as an admin."""

import asyncpg
import httpx
import pytest

from tests.kit.accounts import refused_fields
from tests.kit.people import Person, SignedIn, problem
from tests.kit.services import Service


async def test_an_admin_changes_name_and_verification(
    service: Service, ada: Person, admin: Person, boss: SignedIn, database: asyncpg.Connection
) -> None:
    answer = await edit(service, boss, ada, '"1.1"', {"display_name": "Ada King", "email_verified": True})

    user = answer.json()
    assert (user["display_name"], user["email_verified"]) == ("Ada King", True)
    assert answer.headers["etag"] == '"1.2"'
    event = await database.fetchrow(
        "SELECT user_id::text, actor_id::text FROM audit_events WHERE kind = 'user.changed'"
    )
    assert event is not None
    assert tuple(event) == (ada.id, admin.id)


async def test_what_is_not_given_stays(service: Service, ada: Person, boss: SignedIn) -> None:
    await edit(service, boss, ada, "*", {"display_name": "Ada King", "email_verified": True})

    verified = await edit(service, boss, ada, "*", {"email_verified": True})
    renamed = await edit(service, boss, ada, "*", {"display_name": "Countess"})

    assert verified.json()["display_name"] == "Ada King"
    assert renamed.json()["email_verified"] is True


async def test_the_user_reads_what_the_admin_changed(service: Service, ada: Person, boss: SignedIn) -> None:
    session = await ada.sign_in()
    await service.get("/v1/users/me", token=session.access_token)
    changed = await edit(service, boss, ada, "*", {"display_name": "Ada King"})

    read = await service.get("/v1/users/me", token=session.access_token)

    assert (read.content, read.headers["etag"]) == (changed.content, changed.headers["etag"])


async def test_if_match_is_required_and_compared(service: Service, ada: Person, boss: SignedIn) -> None:
    body = {"display_name": "Ada King"}
    missing = await service.patch(f"/v1/users/{ada.id}", token=boss.access_token, json=body)
    stale = await edit(service, boss, ada, '"1.2"', body)
    current = await edit(service, boss, ada, '"1.1"', body)

    assert problem(missing) == (428, "if_match_missing")
    assert problem(stale) == (412, "version_stale")
    assert current.status_code == 200


async def test_a_change_to_the_same_changes_nothing(service: Service, ada: Person, boss: SignedIn) -> None:
    body = {"display_name": "Ada King", "email_verified": True}
    changed = await edit(service, boss, ada, "*", body)

    again = await edit(service, boss, ada, "*", body)

    assert (again.content, again.headers["etag"]) == (changed.content, changed.headers["etag"])


async def test_a_closed_account_is_not_changed(service: Service, ada: Person, boss: SignedIn) -> None:
    await service.delete(f"/v1/users/{ada.id}", token=boss.access_token)

    answer = await edit(service, boss, ada, "*", {"display_name": "Ghost"})

    assert problem(answer) == (409, "user_closed")


@pytest.mark.parametrize("field", ["email", "roles", "status", "password", "password_hash", "created_at"])
async def test_other_fields_have_routes_of_their_own(service: Service, ada: Person, boss: SignedIn, field: str) -> None:
    answer = await edit(service, boss, ada, "*", {field: "new@example.com"})

    assert problem(answer) == (422, "request_invalid")
    assert refused_fields(answer) == {f"/{field}"}


async def test_a_new_name_is_searched_and_the_old_one_is_not(service: Service, ada: Person, boss: SignedIn) -> None:
    await edit(service, boss, ada, "*", {"display_name": "Countess Lovelace"})
    await edit(service, boss, ada, "*", {"display_name": "Ada King"})

    found = [
        len((await service.get("/v1/users", params={"search": word}, token=boss.access_token)).json()["items"])
        for word in ("king", "ada@example.com", "lovelace", "countess")
    ]

    assert found == [1, 1, 0, 0]


async def edit(service: Service, boss: SignedIn, person: Person, etag: str, body: object) -> httpx.Response:
    return await service.patch(f"/v1/users/{person.id}", token=boss.access_token, headers={"If-Match": etag}, json=body)
