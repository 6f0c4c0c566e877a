"""Two transactions of which one waits for the other: every order that matters, each held still and looked at.

The test's own connection plays a replica that is slow between its statement and its commit.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from uuid import uuid4

import asyncpg
import httpx
import pytest

from tests.kit.claims import lineage, roles_of
from tests.kit.environment import Addresses
from tests.kit.everywhere import accepted_everywhere, refused_everywhere
from tests.kit.people import Person, SignedIn, problem
from tests.kit.racing import Onlooker, transaction
from tests.kit.refreshing import refresh, refreshed, running_sessions, session_row
from tests.kit.services import Service

SIGN_IN_IN_FLIGHT = """
    WITH seen AS (SELECT id FROM users WHERE id = $2 AND status = 'active' FOR SHARE)
    INSERT INTO sessions (id, user_id) SELECT $1, id FROM seen
"""
# Postgres shows the first kilobyte of a statement; the name of this one stands behind it.
REFRESH = "UPDATE sessions s SET"


@dataclass(frozen=True)
class Scene:
    """Somebody signed in, an admin, and the service they ask."""

    service: Service
    ada: Person
    phone: SignedIn
    boss: SignedIn


Action = Callable[[Scene], Awaitable[httpx.Response]]


async def _suspend(scene: Scene) -> httpx.Response:
    return await scene.service.post(f"/v1/users/{scene.ada.id}/suspend", json={}, token=scene.boss.access_token)


async def _close(scene: Scene) -> httpx.Response:
    return await scene.service.delete(f"/v1/users/{scene.ada.id}", token=scene.boss.access_token)


async def _end_all_as_admin(scene: Scene) -> httpx.Response:
    return await scene.service.delete(f"/v1/users/{scene.ada.id}/sessions", token=scene.boss.access_token)


async def _log_out_everywhere(scene: Scene) -> httpx.Response:
    return await scene.service.delete("/v1/sessions", token=scene.phone.access_token)


async def _log_out_elsewhere(scene: Scene) -> httpx.Response:
    return await scene.service.delete("/v1/sessions", params={"keep": "current"}, token=scene.phone.access_token)


async def _change_password(scene: Scene) -> httpx.Response:
    body = {"current_password": scene.ada.password, "new_password": "a better password than before"}
    return await scene.service.put("/v1/account/password", json=body, token=scene.phone.access_token)


async def _set_roles(scene: Scene) -> httpx.Response:
    path = f"/v1/users/{scene.ada.id}/roles"
    return await scene.service.put(path, json={"roles": ["support"]}, token=scene.boss.access_token)


@pytest.mark.parametrize(
    ("action", "waits_in", "kept"),
    [
        (_suspend, "users.move_status", 0),
        (_close, "users.close", 0),
        (_end_all_as_admin, "users.raise_epoch", 0),
        (_log_out_everywhere, "users.raise_epoch", 0),
        (_log_out_elsewhere, "users.lock", 1),
        (_change_password, "users.replace_password", 1),
    ],
)
async def test_a_session_that_commits_while_all_are_ended_ends_too(
    scene: Scene, database: asyncpg.Connection, onlooker: Onlooker, action: Action, waits_in: str, kept: int
) -> None:
    late = str(uuid4())
    async with transaction(database):
        await database.execute(SIGN_IN_IN_FLIGHT, late, scene.ada.id)
        acting = asyncio.ensure_future(action(scene))
        await onlooker.until_waiting(waits_in)

    answer = await acting

    assert answer.is_success, answer.text
    assert (await session_row(database, late))["ended_at"] is not None
    assert len(await running_sessions(database, scene.ada.id)) == kept


async def test_a_change_of_roles_leaves_a_session_that_commits_meanwhile_alone(
    scene: Scene, database: asyncpg.Connection, onlooker: Onlooker
) -> None:
    late = str(uuid4())
    async with transaction(database):
        await database.execute(SIGN_IN_IN_FLIGHT, late, scene.ada.id)
        acting = asyncio.ensure_future(_set_roles(scene))
        await onlooker.until_waiting("users.raise_for_roles")

    assert (await acting).status_code == 200
    assert await running_sessions(database, scene.ada.id) == {late, scene.phone.session_id}


@pytest.mark.parametrize(
    "change",
    [
        "status = 'suspended'",
        "status = 'closed', email = NULL, email_key = NULL",
        "password_version = password_version + 1",
    ],
)
async def test_a_sign_in_that_waited_for_a_change_of_the_user_is_refused(
    scene: Scene, database: asyncpg.Connection, onlooker: Onlooker, change: str
) -> None:
    async with transaction(database):
        await database.execute(f"UPDATE users SET {change} WHERE id = $1", scene.ada.id)  # noqa: S608 - constants
        signing_in = asyncio.ensure_future(_sign_in(scene))
        await onlooker.until_waiting("sessions.start")

    assert problem(await signing_in) == (401, "credentials_wrong")
    assert await running_sessions(database, scene.ada.id) == {scene.phone.session_id}


async def test_a_sign_in_that_waited_for_a_change_that_did_not_happen_succeeds(
    scene: Scene, database: asyncpg.Connection, onlooker: Onlooker
) -> None:
    given_up = database.transaction()
    await given_up.start()
    await database.execute("UPDATE users SET status = 'suspended' WHERE id = $1", scene.ada.id)
    signing_in = asyncio.ensure_future(_sign_in(scene))
    await onlooker.until_waiting("sessions.start")
    await given_up.rollback()

    assert await scene.service.accepts(SignedIn.of(await signing_in).access_token)


async def test_a_sign_in_that_waited_for_another_name_succeeds(
    scene: Scene, database: asyncpg.Connection, onlooker: Onlooker
) -> None:
    async with transaction(database):
        await database.execute("UPDATE users SET display_name = 'Countess' WHERE id = $1", scene.ada.id)
        signing_in = asyncio.ensure_future(_sign_in(scene))
        await onlooker.until_waiting("sessions.start")

    assert await scene.service.accepts(SignedIn.of(await signing_in).access_token)


@pytest.mark.parametrize("is_kept", [True, False])
async def test_a_refresh_that_waited_for_the_end_of_its_session_is_refused_if_it_ended(
    replicas: tuple[Service, Service], scene: Scene, database: asyncpg.Connection, onlooker: Onlooker, *, is_kept: bool
) -> None:
    ending = database.transaction()
    await ending.start()
    await database.execute("UPDATE sessions SET ended_at = now() WHERE id = $1", scene.phone.session_id)
    refreshing = asyncio.ensure_future(refresh(replicas[1], scene.phone.refresh_token))
    await onlooker.until_waiting(REFRESH)
    await (ending.rollback() if is_kept else ending.commit())

    answer = await refreshing

    assert answer.status_code == (200 if is_kept else 401)
    row = await session_row(database, scene.phone.session_id)
    assert (row["generation"], row["ended_by"]) == (1 if is_kept else 0, None)


async def test_a_refresh_that_waited_for_a_rotation_gets_the_same_token(
    replicas: tuple[Service, Service], scene: Scene, database: asyncpg.Connection, onlooker: Onlooker
) -> None:
    async with transaction(database):
        await database.execute(
            "UPDATE sessions SET generation = 1, rotated_at = clock_timestamp() WHERE id = $1", scene.phone.session_id
        )
        refreshing = asyncio.ensure_future(refresh(replicas[1], scene.phone.refresh_token))
        await onlooker.until_waiting(REFRESH)

    assert lineage(SignedIn.of(await refreshing).refresh_token)[1] == 1
    assert (await session_row(database, scene.phone.session_id))["generation"] == 1


async def test_a_refresh_that_waited_past_a_change_of_roles_carries_nothing_that_is_accepted(
    replicas: tuple[Service, Service], scene: Scene, database: asyncpg.Connection, onlooker: Onlooker
) -> None:
    async with transaction(database):
        await database.execute("SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE", scene.phone.session_id)
        refreshing = asyncio.ensure_future(refresh(replicas[1], scene.phone.refresh_token))
        await onlooker.until_waiting(REFRESH)
        changed = await _set_roles(scene)

    waited = SignedIn.of(await refreshing)
    afterwards = await refreshed(replicas[1], waited.refresh_token)

    assert changed.status_code == 200
    if roles_of(waited.access_token) != ["support"]:
        await refused_everywhere(replicas, waited.access_token)
    assert roles_of(afterwards.access_token) == ["support"]
    await accepted_everywhere(replicas, afterwards.access_token)


async def test_a_refresh_that_waited_past_a_suspension_is_refused_or_carries_nothing_that_is_accepted(
    replicas: tuple[Service, Service], scene: Scene, database: asyncpg.Connection, onlooker: Onlooker
) -> None:
    async with transaction(database):
        await database.execute("SELECT 1 FROM sessions WHERE id = $1 FOR UPDATE", scene.phone.session_id)
        refreshing = asyncio.ensure_future(refresh(replicas[1], scene.phone.refresh_token))
        await onlooker.until_waiting(REFRESH)
        suspending = asyncio.ensure_future(_suspend(scene))
        await onlooker.until_waiting("sessions.end_all")

    answer, suspended = await refreshing, await suspending

    assert suspended.status_code == 200
    assert await running_sessions(database, scene.ada.id) == set()
    if answer.status_code == 200:
        await refused_everywhere(replicas, SignedIn.of(answer).access_token)
    assert (await refresh(replicas[0], scene.phone.refresh_token)).status_code == 401


async def test_a_sign_in_that_waited_past_a_change_of_roles_carries_nothing_outdated_that_is_accepted(
    replicas: tuple[Service, Service], scene: Scene, database: asyncpg.Connection, onlooker: Onlooker
) -> None:
    async with transaction(database):
        await database.execute("SELECT 1 FROM users WHERE id = $1 FOR UPDATE", scene.ada.id)
        changing = asyncio.ensure_future(_set_roles(scene))
        await onlooker.until_waiting("users.raise_for_roles")
        signing_in = asyncio.ensure_future(_sign_in(scene))
        await onlooker.until_waiting("sessions.start")

    changed, waited = await changing, SignedIn.of(await signing_in)
    afterwards = await refreshed(replicas[1], waited.refresh_token)

    assert changed.status_code == 200
    if roles_of(waited.access_token) != ["support"]:
        await refused_everywhere(replicas, waited.access_token)
    assert roles_of(afterwards.access_token) == ["support"]
    await accepted_everywhere(replicas, afterwards.access_token)


@pytest.mark.parametrize("is_suspended", [False, True])
async def test_a_change_that_waited_for_other_roles_answers_with_these(
    scene: Scene, database: asyncpg.Connection, onlooker: Onlooker, *, is_suspended: bool
) -> None:
    if is_suspended:
        await _suspend(scene)
    async with transaction(database):
        await database.execute("UPDATE users SET version = version + 1 WHERE id = $1", scene.ada.id)
        await database.execute("INSERT INTO user_roles (user_id, role) VALUES ($1, 'support')", scene.ada.id)
        changing = asyncio.ensure_future(_reinstate(scene) if is_suspended else _rename(scene))
        await onlooker.until_waiting("users.move_status" if is_suspended else "users.edit")

    answer = await changing

    # Under its strong ETag the caller keeps what is told here.
    assert (answer.status_code, answer.json()["roles"]) == (200, ["support"])


async def _reinstate(scene: Scene) -> httpx.Response:
    return await scene.service.post(f"/v1/users/{scene.ada.id}/reinstate", token=scene.boss.access_token)


async def _rename(scene: Scene) -> httpx.Response:
    headers = {"If-Match": "*"}
    path = f"/v1/users/{scene.ada.id}"
    return await scene.service.patch(
        path, json={"display_name": "Countess"}, headers=headers, token=scene.boss.access_token
    )


async def _sign_in(scene: Scene) -> httpx.Response:
    return await scene.service.post("/v1/sessions", json={"email": scene.ada.email, "password": scene.ada.password})


@pytest.fixture
async def scene(service: Service, ada: Person, admin: Person) -> Scene:
    boss, phone = await admin.sign_in(), await ada.sign_in("phone")
    return Scene(service, ada, phone, boss)


@pytest.fixture
async def onlooker(stores: Addresses) -> AsyncIterator[Onlooker]:
    connection = await asyncpg.connect(stores.database_url)
    yield Onlooker(connection)
    await connection.close()
