"""Suspending and closing against signing in and refreshing: no session and no token outlives its user's standing."""

import asyncio

import asyncpg

from tests.kit.everywhere import refused_everywhere
from tests.kit.people import Person, SignedIn, new_person
from tests.kit.racing import answered
from tests.kit.refreshing import refresh, running_sessions
from tests.kit.rounds import in_rounds
from tests.kit.services import Service

SIGN_INS, REFRESHES = 4, 6


@in_rounds
async def test_no_session_outlives_a_suspension_that_meets_sign_ins(
    replicas: tuple[Service, Service], admin: Person, ada: Person, database: asyncpg.Connection, rounds: int
) -> None:
    boss = await admin.sign_in()
    body = {"email": ada.email, "password": ada.password}
    for turn in range(rounds):
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(replicas[number % 2].post("/v1/sessions", json=body)) for number in range(SIGN_INS)
            ]
            await answered(asked, turn % (SIGN_INS + 1))
            await _suspend(replicas[turn % 2], ada, boss)

        assert {task.result().status_code for task in asked} <= {201, 401, 403}
        assert await running_sessions(database, ada.id) == set()
        opened = [SignedIn.of(task.result()) for task in asked if task.result().status_code == 201]
        await refused_everywhere(replicas, *(session.access_token for session in opened))
        await _reinstate(replicas[0], ada, boss)


@in_rounds
async def test_no_session_outlives_a_suspension_that_meets_refreshes(
    replicas: tuple[Service, Service], admin: Person, ada: Person, database: asyncpg.Connection, rounds: int
) -> None:
    boss = await admin.sign_in()
    for turn in range(rounds):
        phone = await ada.sign_in("phone")
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(refresh(replicas[number % 2], phone.refresh_token)) for number in range(REFRESHES)
            ]
            await answered(asked, turn % (REFRESHES + 1))
            await _suspend(replicas[turn % 2], ada, boss)

        assert {task.result().status_code for task in asked} <= {200, 401}
        assert await running_sessions(database, ada.id) == set()
        pairs = [phone, *(SignedIn.of(task.result()) for task in asked if task.result().status_code == 200)]
        await refused_everywhere(replicas, *(pair.access_token for pair in pairs))
        for pair in pairs:
            assert (await refresh(replicas[1], pair.refresh_token)).status_code == 401
        await _reinstate(replicas[0], ada, boss)


@in_rounds
async def test_no_session_outlives_an_account_that_is_closed_while_signing_in(
    replicas: tuple[Service, Service], admin: Person, database: asyncpg.Connection, rounds: int
) -> None:
    boss = await admin.sign_in()
    for turn in range(rounds):
        # Closing sets the address free, so the next round may have it again.
        ada = await new_person(replicas[0], "ada@example.com")
        body = {"email": ada.email, "password": ada.password}
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(replicas[number % 2].post("/v1/sessions", json=body)) for number in range(SIGN_INS)
            ]
            await answered(asked, turn % (SIGN_INS + 1))
            closed = await replicas[turn % 2].delete(f"/v1/users/{ada.id}", token=boss.access_token)

        assert closed.status_code == 204
        assert {task.result().status_code for task in asked} <= {201, 401}
        assert await running_sessions(database, ada.id) == set()
        opened = [SignedIn.of(task.result()) for task in asked if task.result().status_code == 201]
        await refused_everywhere(replicas, *(session.access_token for session in opened))


async def _suspend(service: Service, person: Person, boss: SignedIn) -> None:
    answer = await service.post(f"/v1/users/{person.id}/suspend", json={}, token=boss.access_token)
    assert answer.status_code == 200, answer.text


async def _reinstate(service: Service, person: Person, boss: SignedIn) -> None:
    answer = await service.post(f"/v1/users/{person.id}/reinstate", token=boss.access_token)
    assert answer.status_code == 200, answer.text
