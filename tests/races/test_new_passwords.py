"""Changing a password against signing in with the old one and refreshing: only the new session is left."""

import asyncio

import asyncpg

from tests.kit.everywhere import accepted_everywhere, refused_everywhere
from tests.kit.people import Person, SignedIn
from tests.kit.racing import answered
from tests.kit.refreshing import refresh, running_sessions
from tests.kit.rounds import in_rounds
from tests.kit.services import Service

EACH = 3
PASSWORDS = ("a perfectly fine password", "another perfectly fine password")


@in_rounds
async def test_only_the_new_session_is_left_when_a_password_is_changed_amid_sign_ins_and_refreshes(
    replicas: tuple[Service, Service], ada: Person, database: asyncpg.Connection, rounds: int
) -> None:
    for turn in range(rounds):
        ada.password, new_password = PASSWORDS[turn % 2], PASSWORDS[(turn + 1) % 2]
        laptop, phone = await ada.sign_in("laptop"), await ada.sign_in("phone")
        old = {"email": ada.email, "password": ada.password}
        change = {"current_password": ada.password, "new_password": new_password}
        async with asyncio.TaskGroup() as group:
            asked = [
                *(group.create_task(replicas[number % 2].post("/v1/sessions", json=old)) for number in range(EACH)),
                *(group.create_task(refresh(replicas[number % 2], phone.refresh_token)) for number in range(EACH)),
            ]
            await answered(asked, turn % (2 * EACH + 1))
            changed = await replicas[turn % 2].put("/v1/account/password", json=change, token=laptop.access_token)

        pair = SignedIn.of(changed)
        assert {task.result().status_code for task in asked} <= {200, 201, 401}
        assert await running_sessions(database, ada.id) == {pair.session_id}
        earlier = [SignedIn.of(task.result()) for task in asked if task.result().is_success]
        over = [phone.access_token, laptop.access_token, *(session.access_token for session in earlier)]
        await refused_everywhere(replicas, *over)
        await accepted_everywhere(replicas, pair.access_token)
        with_old = await replicas[0].post("/v1/sessions", json=old)
        assert with_old.status_code == 401
