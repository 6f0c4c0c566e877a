"""What each action revokes, on every replica within the promised second: the table in docs/tokens.md, row by row."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg
import httpx
import pytest

from tests.kit.ageing import GRACE, age
from tests.kit.claims import roles_of
from tests.kit.everywhere import accepted_everywhere, refused_everywhere
from tests.kit.people import Person, SignedIn
from tests.kit.refreshing import refresh, refreshed, running_sessions
from tests.kit.services import Service


@dataclass(frozen=True)
class Scene:
    """Who acts and on whom: the action is asked of the first replica."""

    service: Service
    ada: Person
    phone: SignedIn
    laptop: SignedIn
    boss: SignedIn
    database: asyncpg.Connection


Action = Callable[[Scene], Awaitable[httpx.Response]]


async def _log_out(scene: Scene) -> httpx.Response:
    return await scene.service.delete("/v1/sessions/current", token=scene.phone.access_token)


async def _end_one(scene: Scene) -> httpx.Response:
    path = f"/v1/sessions/{scene.phone.session_id}"
    return await scene.service.delete(path, token=scene.laptop.access_token)


async def _replay(scene: Scene) -> httpx.Response:
    await refreshed(scene.service, scene.phone.refresh_token)
    await age(scene.database, scene.phone.session_id, GRACE)
    return await refresh(scene.service, scene.phone.refresh_token)


async def _log_out_elsewhere(scene: Scene) -> httpx.Response:
    return await scene.service.delete("/v1/sessions", params={"keep": "current"}, token=scene.laptop.access_token)


async def _log_out_everywhere(scene: Scene) -> httpx.Response:
    return await scene.service.delete("/v1/sessions", token=scene.phone.access_token)


async def _end_all_as_admin(scene: Scene) -> httpx.Response:
    return await scene.service.delete(f"/v1/users/{scene.ada.id}/sessions", token=scene.boss.access_token)


async def _suspend(scene: Scene) -> httpx.Response:
    path = f"/v1/users/{scene.ada.id}/suspend"
    return await scene.service.post(path, json={}, token=scene.boss.access_token)


async def _close(scene: Scene) -> httpx.Response:
    return await scene.service.delete(f"/v1/users/{scene.ada.id}", token=scene.boss.access_token)


async def _change_password(scene: Scene) -> httpx.Response:
    body = {"current_password": scene.ada.password, "new_password": "a better password than before"}
    return await scene.service.put("/v1/account/password", json=body, token=scene.phone.access_token)


@pytest.mark.parametrize("action", [_log_out, _end_one, _replay, _log_out_elsewhere])
async def test_it_revokes_one_session_and_nothing_else(
    replicas: tuple[Service, Service], scene: Scene, action: Action
) -> None:
    answer = await action(scene)

    assert answer.status_code == (401 if action is _replay else 204)
    assert await replicas[0].refuses(scene.phone.access_token)
    await refused_everywhere(replicas, scene.phone.access_token)
    for replica in replicas:
        assert (await refresh(replica, scene.phone.refresh_token)).status_code == 401
    assert await running_sessions(scene.database, scene.ada.id) == {scene.laptop.session_id}
    await accepted_everywhere(replicas, scene.laptop.access_token, scene.boss.access_token)
    assert (await refresh(replicas[1], scene.laptop.refresh_token)).status_code == 200


@pytest.mark.parametrize("action", [_log_out_everywhere, _end_all_as_admin, _suspend, _close, _change_password])
async def test_it_revokes_all_sessions_and_all_access_tokens(
    replicas: tuple[Service, Service], scene: Scene, action: Action
) -> None:
    answer = await action(scene)

    assert answer.is_success, answer.text
    assert await replicas[0].refuses(scene.laptop.access_token)
    await refused_everywhere(replicas, scene.phone.access_token, scene.laptop.access_token)
    for replica in replicas:
        for session in (scene.phone, scene.laptop):
            assert (await refresh(replica, session.refresh_token)).status_code == 401
    kept = {answer.json()["session"]["id"]} if action is _change_password else set()
    assert await running_sessions(scene.database, scene.ada.id) == kept
    await accepted_everywhere(replicas, scene.boss.access_token)


async def test_a_change_of_roles_revokes_access_tokens_and_no_session(
    replicas: tuple[Service, Service], scene: Scene
) -> None:
    path = f"/v1/users/{scene.ada.id}/roles"
    answer = await replicas[0].put(path, json={"roles": ["support"]}, token=scene.boss.access_token)

    assert answer.status_code == 200
    assert await replicas[0].refuses(scene.phone.access_token)
    await refused_everywhere(replicas, scene.phone.access_token, scene.laptop.access_token)
    both = {scene.phone.session_id, scene.laptop.session_id}
    assert await running_sessions(scene.database, scene.ada.id) == both
    for session in (scene.phone, scene.laptop):
        again = await refreshed(replicas[1], session.refresh_token)
        assert roles_of(again.access_token) == ["support"]
        await accepted_everywhere(replicas, again.access_token)


async def test_setting_the_roles_somebody_has_already_revokes_nothing(
    replicas: tuple[Service, Service], scene: Scene, database: asyncpg.Connection
) -> None:
    answer = await replicas[0].put(f"/v1/users/{scene.ada.id}/roles", json={"roles": []}, token=scene.boss.access_token)

    assert answer.status_code == 200
    assert await database.fetchval("SELECT epoch FROM users WHERE id = $1", scene.ada.id) == 0
    await accepted_everywhere(replicas, scene.phone.access_token, scene.laptop.access_token)


async def test_reinstating_revives_no_session_and_no_access_token(
    replicas: tuple[Service, Service], scene: Scene
) -> None:
    await _suspend(scene)
    await replicas[0].post(f"/v1/users/{scene.ada.id}/reinstate", token=scene.boss.access_token)

    await refused_everywhere(replicas, scene.phone.access_token, scene.laptop.access_token)
    assert (await refresh(replicas[1], scene.phone.refresh_token)).status_code == 401
    await accepted_everywhere(replicas, (await scene.ada.sign_in()).access_token)


async def test_changing_ones_name_revokes_nothing(replicas: tuple[Service, Service], scene: Scene) -> None:
    answer = await replicas[0].patch(
        "/v1/users/me",
        json={"display_name": "Countess of Lovelace"},
        token=scene.phone.access_token,
        headers={"If-Match": "*"},
    )

    assert answer.status_code == 200
    await accepted_everywhere(replicas, scene.phone.access_token, scene.laptop.access_token)


async def test_a_signed_in_user_stays_so_wherever_they_show_their_token(
    replicas: tuple[Service, Service], scene: Scene
) -> None:
    assert await _log_out(scene)
    await refused_everywhere(replicas, scene.phone.access_token)

    for replica in replicas:
        for path in ("/v1/users/me", "/v1/sessions", "/v1/verify"):
            assert (await replica.get(path, token=scene.phone.access_token)).status_code == 401
            assert (await replica.get(path, token=scene.laptop.access_token)).status_code == 200


@pytest.fixture
async def scene(service: Service, ada: Person, admin: Person, database: asyncpg.Connection) -> Scene:
    phone, laptop, boss = await ada.sign_in("phone"), await ada.sign_in("laptop"), await admin.sign_in("boss")
    # Once seen, a token is remembered by the replica: revocation has to reach that memory too.
    assert await service.accepts(phone.access_token)
    return Scene(service, ada, phone, laptop, boss, database)
