"""The last active admin stays: by whatever route, and whoever asks."""

from typing import Any

import asyncpg
import httpx
import pytest

from tests.kit.accounts import make_person
from tests.kit.people import Person, SignedIn, problem
from tests.kit.services import Service

WAYS: dict[str, tuple[str, str, dict[str, Any] | None]] = {
    "demote": ("PUT", "/v1/users/{}/roles", {"roles": ["support"]}),
    "demote entirely": ("PUT", "/v1/users/{}/roles", {"roles": []}),
    "suspend": ("POST", "/v1/users/{}/suspend", {}),
    "close": ("DELETE", "/v1/users/{}", None),
}


@pytest.mark.parametrize("way", WAYS)
async def test_the_last_admin_cannot_be_taken_away_and_the_last_but_one_can(
    service: Service, admin: Person, boss: SignedIn, way: str
) -> None:
    second = await make_person(service, boss.access_token, "second@example.com", roles=["admin"])

    allowed = await take_away(service, boss, second, way)
    refused = await take_away(service, boss, admin, way)

    assert allowed.status_code in {200, 204}
    assert problem(refused) == (409, "last_admin")


@pytest.mark.parametrize("way", WAYS)
async def test_a_refused_removal_leaves_everything_as_it_was(
    service: Service, admin: Person, boss: SignedIn, database: asyncpg.Connection, way: str
) -> None:
    before = await service.get(f"/v1/users/{admin.id}", token=boss.access_token)
    events = await database.fetchval("SELECT count(*) FROM audit_events")
    changes = await database.fetchval("SELECT count(*) FROM changes")

    refused = await take_away(service, boss, admin, way)
    after = await service.get(f"/v1/users/{admin.id}", token=boss.access_token)

    assert problem(refused) == (409, "last_admin")
    assert (after.content, after.headers["etag"]) == (before.content, before.headers["etag"])
    assert await database.fetchval("SELECT count(*) FROM audit_events") == events
    assert await database.fetchval("SELECT count(*) FROM changes") == changes
    assert (await admin.sign_in()).access_token


@pytest.mark.parametrize("gone", ["demote", "suspend", "close"])
@pytest.mark.parametrize("way", ["demote", "suspend", "close"])
async def test_who_is_no_active_admin_does_not_count(
    service: Service, admin: Person, boss: SignedIn, gone: str, way: str
) -> None:
    second = await make_person(service, boss.access_token, "second@example.com", roles=["admin"])
    assert (await take_away(service, boss, second, gone)).status_code in {200, 204}

    assert problem(await take_away(service, boss, admin, way)) == (409, "last_admin")


@pytest.mark.parametrize("way", ["demote", "close"])
async def test_a_suspended_admin_may_go_though_only_one_is_left(service: Service, boss: SignedIn, way: str) -> None:
    second = await make_person(service, boss.access_token, "second@example.com", roles=["admin"])
    await take_away(service, boss, second, "suspend")

    assert (await take_away(service, boss, second, way)).status_code in {200, 204}


async def test_a_reinstated_admin_counts_again(service: Service, admin: Person, boss: SignedIn) -> None:
    second = await make_person(service, boss.access_token, "second@example.com", roles=["admin"])
    await take_away(service, boss, second, "suspend")
    refused = await take_away(service, boss, admin, "demote")
    await service.post(f"/v1/users/{second.id}/reinstate", token=boss.access_token)

    allowed = await take_away(service, boss, admin, "demote")

    assert problem(refused) == (409, "last_admin")
    assert allowed.status_code == 200


async def test_the_last_admin_may_get_other_roles_beside_it(service: Service, admin: Person, boss: SignedIn) -> None:
    answer = await service.put(
        f"/v1/users/{admin.id}/roles", token=boss.access_token, json={"roles": ["support", "admin"]}
    )

    assert (answer.status_code, answer.json()["roles"]) == (200, ["admin", "support"])


async def test_people_without_the_role_come_and_go_freely(service: Service, ada: Person, boss: SignedIn) -> None:
    for way in WAYS:
        assert (await take_away(service, boss, ada, way)).status_code in {200, 204}


async def take_away(service: Service, boss: SignedIn, person: Person, way: str) -> httpx.Response:
    method, path, body = WAYS[way]
    sent: dict[str, Any] = {} if body is None else {"json": body}
    return await service.call(method, path.format(person.id), token=boss.access_token, **sent)
