"""PUT /v1/users/{id}/roles."""

import asyncpg
import httpx
import pytest

from tests.kit.accounts import refused_fields
from tests.kit.claims import read_claims
from tests.kit.everywhere import refused_everywhere
from tests.kit.people import Person, SignedIn, problem
from tests.kit.refreshing import refreshed
from tests.kit.services import Service, StartService


async def test_a_user_has_exactly_the_roles_that_were_set(service: Service, ada: Person, boss: SignedIn) -> None:
    first = await set_roles(service, boss, ada, ["support", "billing"])
    second = await set_roles(service, boss, ada, ["support", "audit"])

    assert first.json()["roles"] == ["billing", "support"]
    assert second.json()["roles"] == ["audit", "support"]
    assert (await service.get(f"/v1/users/{ada.id}", token=boss.access_token)).json() == second.json()


async def test_a_role_change_outdates_access_tokens_and_the_session_goes_on_with_the_new_roles(
    replicas: tuple[Service, Service], ada: Person, boss: SignedIn
) -> None:
    session = await ada.sign_in()

    await set_roles(replicas[0], boss, ada, ["admin", "support"])

    await refused_everywhere(replicas, session.access_token)
    renewed = await refreshed(replicas[1], session.refresh_token)
    claims = read_claims(renewed.access_token)
    assert renewed.session_id == session.session_id
    assert (claims["roles"], claims["scope"]) == (["admin", "support"], "users:read users:write")
    assert await replicas[0].accepts(renewed.access_token)


async def test_roles_that_are_taken_away_are_gone_from_the_next_token(
    service: Service, ada: Person, boss: SignedIn
) -> None:
    await set_roles(service, boss, ada, ["admin"])
    session = await ada.sign_in()
    allowed = await service.get("/v1/users", token=session.access_token)

    await set_roles(service, boss, ada, [])
    renewed = await refreshed(service, session.refresh_token)
    refused = await service.get("/v1/users", token=renewed.access_token)

    assert allowed.status_code == 200
    assert problem(refused) == (403, "forbidden")
    claims = read_claims(renewed.access_token)
    assert (claims.get("roles", []), claims.get("scope", "")) == ([], "")


async def test_the_operator_says_which_scopes_a_role_carries(
    start_service: StartService, service: Service, ada: Person, boss: SignedIn
) -> None:
    scopes = '{"support": ["tickets:read", "tickets:write"], "billing": ["invoices:read", "tickets:read"]}'
    special = await start_service(SIGNET_ROLE_SCOPES=scopes)
    await set_roles(service, boss, ada, ["support", "billing", "unknown"])

    session = await ada.sign_in(service=special)
    verified = await special.get("/v1/verify", token=session.access_token)

    assert read_claims(session.access_token)["scope"] == "invoices:read tickets:read tickets:write"
    assert verified.headers["x-signet-scopes"] == "invoices:read tickets:read tickets:write"
    assert verified.headers["x-signet-roles"] == "billing,support,unknown"


@pytest.mark.parametrize("again", [["a", "b"], ["b", "a"], ["b", "a", "b"]])
async def test_the_same_roles_change_nothing_and_end_no_token(
    service: Service, ada: Person, boss: SignedIn, database: asyncpg.Connection, again: list[str]
) -> None:
    changed = await set_roles(service, boss, ada, ["a", "b"])
    session = await ada.sign_in()

    answer = await set_roles(service, boss, ada, again)

    assert (answer.status_code, answer.content, answer.headers["etag"]) == (
        200,
        changed.content,
        changed.headers["etag"],
    )
    assert await service.accepts(session.access_token)
    assert await database.fetchval("SELECT count(*) FROM audit_events WHERE kind = 'user.roles_changed'") == 1


async def test_if_match_is_honoured_when_it_is_given(service: Service, ada: Person, boss: SignedIn) -> None:
    stale = await set_roles(service, boss, ada, ["a"], '"1.2"')
    same_but_stale = await set_roles(service, boss, ada, [], '"1.2"')
    current = await set_roles(service, boss, ada, ["a"], '"1.1"')

    assert problem(stale) == problem(same_but_stale) == (412, "version_stale")
    assert current.json()["roles"] == ["a"]


async def test_the_audit_tells_the_roles_and_who_gave_them(
    service: Service, ada: Person, admin: Person, boss: SignedIn, database: asyncpg.Connection
) -> None:
    await set_roles(service, boss, ada, ["b", "a"])

    row = await database.fetchrow(
        "SELECT user_id::text, actor_id::text, details->>'roles' FROM audit_events WHERE kind = 'user.roles_changed'"
    )

    assert row is not None
    assert tuple(row) == (ada.id, admin.id, '["a", "b"]')


@pytest.mark.parametrize("roles", [["A"], [""], ["a b"], ["a" * 65], "admin", [5], None, ["a"] * 33])
async def test_roles_of_another_form_are_refused_and_nothing_changes(
    service: Service, ada: Person, boss: SignedIn, roles: object
) -> None:
    refused = await set_roles(service, boss, ada, roles)
    read = await service.get(f"/v1/users/{ada.id}", token=boss.access_token)

    assert problem(refused) == (422, "request_invalid")
    assert {field.split("/")[1] for field in refused_fields(refused)} == {"roles"}
    assert read.json()["roles"] == []


async def test_a_closed_account_gets_no_roles(service: Service, ada: Person, boss: SignedIn) -> None:
    await service.delete(f"/v1/users/{ada.id}", token=boss.access_token)

    assert problem(await set_roles(service, boss, ada, ["a"])) == (409, "user_closed")


async def set_roles(
    service: Service, boss: SignedIn, person: Person, roles: object, etag: str | None = None
) -> httpx.Response:
    headers = {} if etag is None else {"If-Match": etag}
    return await service.put(
        f"/v1/users/{person.id}/roles", token=boss.access_token, headers=headers, json={"roles": roles}
    )
