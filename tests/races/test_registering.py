"""Registering at once: one address has one owner, and one Idempotency-Key makes one user."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from itertools import cycle, product

import asyncpg
import httpx
import pytest

from tests.kit.environment import Addresses
from tests.kit.people import Person, problem
from tests.kit.rounds import MANY
from tests.kit.services import Service, running_pair

AT_ONCE = 50
# What is raced for is the database. Fifty hashes at once on a busy machine are a matter of patience, not of this test.
PATIENT = {
    "SIGNET_HASH_WAIT": "30",
    "SIGNET_DATABASE_WAIT": "30",
    "SIGNET_DATABASE_TIMEOUT": "30",
    "SIGNET_REQUEST_TIMEOUT": "60",
}
in_rounds = pytest.mark.parametrize(
    "rounds",
    [
        pytest.param(3, id="a-few-times"),
        pytest.param(MANY, id="many-times", marks=[pytest.mark.prove, pytest.mark.timeout(900)]),
    ],
)
Asking = list[tuple[Service, dict[str, str], dict[str, str]]]


@pytest.fixture(scope="module")
async def patient(
    stores: Addresses, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Service, Service]]:
    """Two replicas that rather wait than refuse."""
    logs = tmp_path_factory.mktemp("patient")
    async with running_pair(stores, logs, PATIENT) as pair:
        yield pair


@in_rounds
async def test_of_fifty_who_register_one_address_one_gets_it_and_the_others_are_told(
    patient: tuple[Service, Service], database: asyncpg.Connection, rounds: int
) -> None:
    for number in range(rounds):
        spellings = spellings_of(f"racer{number}@example.com", AT_ONCE)
        answers = await at_once([(patient[i % 2], body(email, str(i)), {}) for i, email in enumerate(spellings)])

        assert Counter(map(outcome, answers)) == {(201, ""): 1, (409, "email_taken"): AT_ONCE - 1}
        winner = next(answer for answer in answers if answer.status_code == 201)
        row = await database.fetchrow("SELECT id::text, email FROM users WHERE email_key LIKE $1", f"racer{number}@%")
        assert row is not None
        assert tuple(row) == (winner.json()["id"], winner.json()["email"])
        assert await rows_beside_users(database, winner.json()["id"]) == (4, 1)
        await let_in(patient[0], answers.index(winner), spellings)


@in_rounds
async def test_fifty_equal_requests_with_one_key_make_one_user_and_are_answered_alike(
    patient: tuple[Service, Service], database: asyncpg.Connection, rounds: int
) -> None:
    for number in range(rounds):
        asked = (body(f"racer{number}@example.com", "same"), {"Idempotency-Key": f"key-{number}"})
        answers = await at_once([(replica, *asked) for replica in (*patient,) * (AT_ONCE // 2)])

        assert Counter(map(outcome, answers)) == {(201, ""): AT_ONCE}
        assert len({answer.content for answer in answers}) == 1
        assert len({(answer.headers["location"], answer.headers["etag"]) for answer in answers}) == 1
        assert await database.fetchval("SELECT count(*) FROM users") == number + 1
        assert await database.fetchval("SELECT count(*) FROM idempotency_keys") == number + 1
        assert await rows_beside_users(database, answers[0].json()["id"]) == (4, 1)


@in_rounds
async def test_of_fifty_requests_with_one_key_and_different_bodies_one_is_kept_and_the_others_are_refused(
    patient: tuple[Service, Service], database: asyncpg.Connection, rounds: int
) -> None:
    for number in range(rounds):
        key = {"Idempotency-Key": f"key-{number}"}
        answers = await at_once(
            [(patient[i % 2], body(f"racer{number}-{i}@example.com", "x"), key) for i in range(AT_ONCE)]
        )

        refused = AT_ONCE - 1
        assert Counter(map(outcome, answers)) == {(201, ""): 1, (422, "idempotency_key_reused"): refused}
        assert await database.fetchval("SELECT count(*) FROM users") == number + 1


@in_rounds
async def test_keys_of_their_own_do_not_let_two_have_one_address(
    patient: tuple[Service, Service], database: asyncpg.Connection, rounds: int
) -> None:
    for number in range(rounds):
        asked = body(f"racer{number}@example.com", "same")
        answers = await at_once(
            [(patient[i % 2], asked, {"Idempotency-Key": f"key-{number}-{i // 5}"}) for i in range(AT_ONCE)]
        )

        told = Counter(map(outcome, answers))
        assert told == {(201, ""): 5, (409, "email_taken"): AT_ONCE - 5}
        assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
        assert await database.fetchval("SELECT count(*) FROM users") == number + 1
        assert await database.fetchval("SELECT count(*) FROM idempotency_keys") == number + 1


@in_rounds
async def test_an_address_that_is_closed_while_many_want_it_goes_to_one_of_them(
    patient: tuple[Service, Service], database: asyncpg.Connection, rounds: int
) -> None:
    for number in range(rounds):
        email = f"racer{number}@example.com"
        former = (await patient[0].post("/v1/users", json=body(email, "former"))).json()
        session = await Person(patient[0], email, password("former")).sign_in()

        closing = patient[0].delete("/v1/users/me", token=session.access_token)
        registering: Asking = [(patient[i % 2], body(email, str(i)), {}) for i in range(10)]
        closed, answers = await asyncio.gather(closing, at_once(registering))
        late = await patient[1].post("/v1/users", json=body(email, "late"))

        assert closed.status_code == 204
        made = [answer for answer in (*answers, late) if answer.status_code == 201]
        assert len(made) == 1
        assert {outcome(answer) for answer in answers} <= {(201, ""), (409, "email_taken")}
        owner = await database.fetchval("SELECT id::text FROM users WHERE email_key = $1", email)
        assert owner == made[0].json()["id"] != former["id"]


async def at_once(asking: Asking) -> list[httpx.Response]:
    """Register all of them together."""
    return await asyncio.gather(
        *(service.post("/v1/users", json=sent, headers=headers) for service, sent, headers in asking)
    )


async def let_in(service: Service, winner: int, spellings: list[str]) -> None:
    """See that the winner's password is the account's, and a loser's is not."""
    assert (await Person(service, spellings[0], password(str(winner))).sign_in()).access_token
    loser = {"email": spellings[0], "password": password(str((winner + 1) % AT_ONCE))}
    assert problem(await service.post("/v1/sessions", json=loser)) == (401, "credentials_wrong")


async def rows_beside_users(database: asyncpg.Connection, user_id: str) -> tuple[int, int]:
    """Count terms and audit events, of which a loser must not leave any."""
    terms = await database.fetchval("SELECT count(*) FROM user_terms WHERE user_id = $1", user_id)
    events = await database.fetchval("SELECT count(*) FROM audit_events WHERE user_id = $1", user_id)
    assert await database.fetchval("SELECT count(*) FROM users WHERE id NOT IN (SELECT user_id FROM audit_events)") == 0
    return terms, events


def body(email: str, whose: str) -> dict[str, str]:
    return {"email": email, "password": password(whose)}


def password(whose: str) -> str:
    return f"the password of {whose}"


def outcome(answer: httpx.Response) -> tuple[int, str]:
    return (answer.status_code, "") if answer.status_code == 201 else problem(answer)


def spellings_of(email: str, count: int) -> list[str]:
    """Write an address in upper and lower case in this many ways."""
    head, tail = email[:6], email[6:]
    ways = ("".join(letters) + tail for letters in product(*((c.lower(), c.upper()) for c in head)))
    return [way for way, _ in zip(cycle(ways), range(count), strict=False)]
