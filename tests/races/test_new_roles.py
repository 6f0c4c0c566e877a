"""A change of roles against signing in and refreshing: sessions live on, outdated tokens don't."""

import asyncio

from tests.kit.claims import roles_of
from tests.kit.everywhere import accepted_everywhere, refused_everywhere
from tests.kit.people import Person, SignedIn
from tests.kit.racing import answered
from tests.kit.refreshing import refresh, refreshed
from tests.kit.rounds import in_rounds
from tests.kit.services import Service

EACH = 3


@in_rounds
async def test_after_a_change_of_roles_tokens_carry_the_new_ones_or_are_refused(
    replicas: tuple[Service, Service], admin: Person, ada: Person, rounds: int
) -> None:
    boss = await admin.sign_in()
    body = {"email": ada.email, "password": ada.password}
    for turn in range(rounds):
        roles = [f"role-{turn}"]
        phone = await ada.sign_in("phone")
        async with asyncio.TaskGroup() as group:
            asked = [
                *(group.create_task(replicas[number % 2].post("/v1/sessions", json=body)) for number in range(EACH)),
                *(group.create_task(refresh(replicas[number % 2], phone.refresh_token)) for number in range(EACH)),
            ]
            await answered(asked, turn % (2 * EACH + 1))
            changed = await replicas[turn % 2].put(
                f"/v1/users/{ada.id}/roles", json={"roles": roles}, token=boss.access_token
            )

        assert changed.status_code == 200
        pairs = [phone, *(SignedIn.of(task.result()) for task in asked)]
        outdated = [pair.access_token for pair in pairs if roles_of(pair.access_token) != roles]
        await refused_everywhere(replicas, *outdated)
        assert phone.access_token in outdated
        await accepted_everywhere(replicas, *({pair.access_token for pair in pairs} - set(outdated)))
        for pair in pairs:
            again = await refreshed(replicas[turn % 2], pair.refresh_token)
            assert roles_of(again.access_token) == roles
            await accepted_everywhere(replicas, again.access_token)
        await replicas[0].delete(f"/v1/users/{ada.id}/sessions", token=boss.access_token)
