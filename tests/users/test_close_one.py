"""DELETE /v1/users/{id}: closing somebody's account as an admin."""

from datetime import timedelta

import asyncpg

from tests.kit.ageing import age
from tests.kit.everywhere import refused_everywhere
from tests.kit.people import Person, SignedIn, new_person, problem
from tests.kit.refreshing import refresh, refreshed
from tests.kit.services import Service


async def test_an_admin_closes_an_account(
    replicas: tuple[Service, Service], ada: Person, admin: Person, boss: SignedIn, database: asyncpg.Connection
) -> None:
    session = await ada.sign_in()

    answer = await replicas[0].delete(f"/v1/users/{ada.id}", token=boss.access_token)

    assert (answer.status_code, answer.content) == (204, b"")
    await refused_everywhere(replicas, session.access_token)
    assert problem(await refresh(replicas[1], session.refresh_token)) == (401, "refresh_token_refused")
    actor = await database.fetchval("SELECT actor_id::text FROM audit_events WHERE kind = 'user.closed'")
    assert actor == admin.id


async def test_a_closed_account_can_be_read_but_not_closed_again(service: Service, ada: Person, boss: SignedIn) -> None:
    await service.delete(f"/v1/users/{ada.id}", token=boss.access_token)

    read = await service.get(f"/v1/users/{ada.id}", token=boss.access_token)
    again = await service.delete(f"/v1/users/{ada.id}", token=boss.access_token)

    assert (read.json()["status"], read.json()["email"]) == ("closed", None)
    assert problem(again) == (409, "user_closed")


async def test_the_address_is_free_again(service: Service, ada: Person, boss: SignedIn) -> None:
    await service.delete(f"/v1/users/{ada.id}", token=boss.access_token)

    assert (await new_person(service, ada.email)).id != ada.id


async def test_if_match_is_honoured_when_it_is_given(service: Service, ada: Person, boss: SignedIn) -> None:
    stale = await service.delete(f"/v1/users/{ada.id}", token=boss.access_token, headers={"If-Match": '"1.2"'})
    current = await service.delete(f"/v1/users/{ada.id}", token=boss.access_token, headers={"If-Match": '"1.1"'})

    assert problem(stale) == (412, "version_stale")
    assert current.status_code == 204


async def test_by_their_id_too_admins_close_their_own_account_only_after_a_sign_in(
    service: Service, ada: Person, admin: Person, boss: SignedIn, database: asyncpg.Connection
) -> None:
    await age(database, boss.session_id, timedelta(minutes=6))
    old = await refreshed(service, boss.refresh_token)

    own = await service.delete(f"/v1/users/{admin.id}", token=old.access_token)
    own_after_sign_in = await service.delete(f"/v1/users/{admin.id}", token=(await admin.sign_in()).access_token)
    another = await service.delete(f"/v1/users/{ada.id}", token=old.access_token)

    assert problem(own) == (401, "insufficient_user_authentication")
    assert problem(own_after_sign_in) == (409, "last_admin")
    assert another.status_code == 204
