"""Admins who take each other away, or leave together: one of them stays, each time."""

import asyncio
from collections import Counter
from itertools import product
from typing import Any

import asyncpg
import httpx
import pytest
from uuid_utils.compat import uuid7

from tests.kit.people import Person, SignedIn, problem
from tests.kit.rounds import MANY
from tests.kit.services import Service

Way = tuple[str, str, dict[str, Any] | None]
WAYS: tuple[Way, ...] = (
    ("PUT", "/v1/users/{}/roles", {"roles": []}),
    ("POST", "/v1/users/{}/suspend", {}),
    ("DELETE", "/v1/users/{}", None),
)
DONE, LAST = (200, ""), (409, "last_admin")
# The other one was quicker: the access token of who is no admin any more is refused at the door.
OUTDATED = (401, "token_invalid")
ACTIVE_ADMINS = """
    SELECT user_id::text FROM user_roles JOIN users ON users.id = user_id WHERE role = 'admin' AND status = 'active'
"""
ANOTHER = """
    INSERT INTO users (id, email, email_key, email_verified, password_hash, password_scheme)
    SELECT $1, $2, $2, true, password_hash, password_scheme FROM users WHERE id = $3
"""


@pytest.mark.parametrize("rounds", [50, pytest.param(MANY, marks=[pytest.mark.prove, pytest.mark.timeout(900)])])
async def test_of_two_admins_who_take_each_other_away_one_stays(
    replicas: tuple[Service, Service], ada: Person, database: asyncpg.Connection, rounds: int
) -> None:
    outcomes: Counter[tuple[int, str]] = Counter()
    ways = list(product(WAYS, WAYS))
    for number in range(rounds):
        one, other = await two_admins(replicas, ada, database, number)
        here, there = ways[number % len(ways)]

        answers = await asyncio.gather(
            take_away(replicas[0], one[1], other[0], here), take_away(replicas[1], other[1], one[0], there)
        )

        told = Counter(map(outcome, answers))
        assert told in ({DONE: 1, LAST: 1}, {DONE: 1, OUTDATED: 1})
        winner = one if outcome(answers[0]) == DONE else other
        assert await active_admins(database) == {winner[0].id}
        outcomes += told

    print(dict(outcomes))
    # Were the second always late, the rule would not have been tried.
    assert outcomes[LAST] > 0


@pytest.mark.parametrize("rounds", [9, pytest.param(MANY, marks=[pytest.mark.prove, pytest.mark.timeout(900)])])
async def test_of_five_admins_who_leave_together_one_stays(
    replicas: tuple[Service, Service], ada: Person, database: asyncpg.Connection, rounds: int
) -> None:
    for number in range(rounds):
        admins = await new_admins(replicas, ada, database, [f"admin{number}-{i}@example.com" for i in range(5)])

        answers = await asyncio.gather(
            *(
                take_away(replicas[i % 2], session, person, WAYS[(number + i) % 3])
                for i, (person, session) in enumerate(admins)
            )
        )

        assert Counter(map(outcome, answers)) == {DONE: 4, LAST: 1}
        last = next(person for (person, _), answer in zip(admins, answers, strict=True) if outcome(answer) == LAST)
        assert await active_admins(database) == {last.id}


async def two_admins(
    replicas: tuple[Service, Service], ada: Person, database: asyncpg.Connection, number: int
) -> list[tuple[Person, SignedIn]]:
    return await new_admins(replicas, ada, database, [f"{name}{number}@example.com" for name in ("one", "other")])


async def new_admins(
    replicas: tuple[Service, Service], ada: Person, database: asyncpg.Connection, emails: list[str]
) -> list[tuple[Person, SignedIn]]:
    """Make these the only admins there are; they have Ada's password, and sign in."""
    await database.execute("DELETE FROM user_roles")
    admins = []
    for email in emails:
        person = Person(replicas[0], email, ada.password, str(uuid7()))
        await database.execute(ANOTHER, person.id, email, ada.id)
        await database.execute("INSERT INTO user_roles (role, user_id) VALUES ('admin', $1)", person.id)
        admins.append((person, await person.sign_in()))
    return admins


async def take_away(service: Service, session: SignedIn, person: Person, way: Way) -> httpx.Response:
    method, path, body = way
    sent: dict[str, Any] = {} if body is None else {"json": body}
    return await service.call(method, path.format(person.id), token=session.access_token, **sent)


async def active_admins(database: asyncpg.Connection) -> set[str]:
    return {row["user_id"] for row in await database.fetch(ACTIVE_ADMINS)}


def outcome(answer: httpx.Response) -> tuple[int, str]:
    return DONE if answer.status_code in {200, 204} else problem(answer)
