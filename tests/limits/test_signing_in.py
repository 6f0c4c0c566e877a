"""Signing in where limits are as they come: offices, owners under attack, and addresses nobody has."""

import asyncio
from collections import Counter
from uuid import UUID

import asyncpg
import httpx
import pytest
import redis.asyncio as redis

from service.security import refresh_tokens
from service.security.secrets import Secrets
from tests.kit.environment import SECRET, Addresses
from tests.kit.metrics import read_metrics
from tests.kit.people import PASSWORD, SignedIn, problem
from tests.kit.refreshing import refreshed
from tests.kit.services import Service
from tests.kit.waiting import eventually
from tests.limits.crowds import ask_at_once, new_address, new_email, passed, register, says_when, sign_in

OFFICE = 200
AT_THE_DOOR = 20
THRESHOLD = 5
FOR_EVER_MS, OVER_MS = "9999999999999", "0"
# A session that never was, though its token would be genuine.
STRANGER = UUID("0198f3c2-b1aa-7c3e-9f00-5a6b7c8d9e0f")
COPY = """
    INSERT INTO users (id, email, email_key, email_verified, password_hash, password_scheme)
    SELECT gen_random_uuid(), name, name, false, password_hash, password_scheme
    FROM users, unnest($2::text[]) name WHERE users.email = $1
"""


@pytest.fixture
async def owner(guarded: Service) -> str:
    """The address of somebody with an account."""
    email = new_email()
    assert (await register(guarded, email, new_address())).status_code == 201
    return email


@pytest.fixture
async def device(guarded: Service, owner: str) -> SignedIn:
    """A device its owner has signed in from."""
    return SignedIn.of(await sign_in(guarded, owner, PASSWORD))


async def guess(guarded: Service, email: str, guesses: int) -> httpx.Response:
    """Guess passwords from all over the world; gives the last answer."""
    for _ in range(guesses):
        answer = await sign_in(guarded, email)
    return answer


async def attack(guarded: Service, stores: Addresses, email: str) -> None:
    """Guess until the account is delayed, and let the delay outlast the test."""
    for _ in range(THRESHOLD):
        assert problem(await sign_in(guarded, email)) == (401, "credentials_wrong")
    await delay_until(stores, FOR_EVER_MS)
    assert problem(await sign_in(guarded, email)) == (429, "account_delayed")


async def delay_until(stores: Addresses, instant_ms: str) -> None:
    """Let every delay end then, as if so much time had passed, or so many more had guessed."""
    async with redis.Redis.from_url(stores.redis_url) as client:
        async for key in client.scan_iter("signet:{limit}:*:lockout:*"):
            await client.hset(key, "until", instant_ms)


async def test_an_office_behind_one_address_signs_in_on_monday_at_nine(
    guarded: Service, owner: str, database: asyncpg.Connection
) -> None:
    people = [new_email() for _ in range(OFFICE)]
    await database.execute(COPY, owner, people)
    office, door = new_address(), asyncio.Semaphore(AT_THE_DOOR)

    async def come_in(email: str) -> int:
        async with door:
            return (await sign_in(guarded, email, PASSWORD, address=office)).status_code

    came = Counter(await asyncio.gather(*(come_in(email) for email in people)))

    assert came == {201: OFFICE}


async def test_an_office_that_guesses_is_stopped(guarded: Service) -> None:
    office = new_address()

    answers = await ask_at_once([guarded], lambda service, _: sign_in(service, new_email(), address=office), OFFICE)

    assert passed(answers) < OFFICE
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert problem(refused) == (429, "rate_limited")
    assert refused.headers["ratelimit-policy"] == '"sign-in-address";q=60;w=60'


async def test_the_owner_of_an_attacked_account_waits_like_everybody(
    guarded: Service, stores: Addresses, owner: str
) -> None:
    await attack(guarded, stores, owner)

    refused = await sign_in(guarded, owner, PASSWORD)

    assert problem(refused) == (429, "account_delayed")
    assert says_when(refused)
    assert refused.headers["ratelimit-policy"] == '"lockout";q=5'


async def test_the_owner_of_an_attacked_account_gets_in_from_a_known_device(
    guarded: Service, stores: Addresses, owner: str, device: SignedIn
) -> None:
    await refreshed(guarded, device.refresh_token)
    await attack(guarded, stores, owner)

    answer = await sign_in(guarded, owner, PASSWORD, known_device=device.refresh_token)

    assert answer.status_code == 201


async def test_a_device_is_known_also_after_its_session_ended(
    guarded: Service, stores: Addresses, owner: str, device: SignedIn
) -> None:
    ended = await guarded.delete("/v1/sessions/current", token=device.access_token)
    assert ended.status_code == 204
    await attack(guarded, stores, owner)

    answer = await sign_in(guarded, owner, PASSWORD, known_device=device.refresh_token)

    assert answer.status_code == 201


async def test_somebody_elses_device_is_not_known(guarded: Service, stores: Addresses, owner: str) -> None:
    stranger = new_email()
    await register(guarded, stranger, new_address())
    theirs = SignedIn.of(await sign_in(guarded, stranger, PASSWORD))
    await attack(guarded, stores, owner)

    answer = await sign_in(guarded, owner, PASSWORD, known_device=theirs.refresh_token)

    assert problem(answer) == (429, "account_delayed")


async def test_a_forged_device_is_not_known(guarded: Service, stores: Addresses, owner: str, device: SignedIn) -> None:
    presented = refresh_tokens.find_presented(Secrets([SECRET]), device.refresh_token)
    assert presented is not None
    others = Secrets(["an0ther-Secret-With-Enough-Different-Symbols!"])
    forged = [
        refresh_tokens.issue(others, presented.session_id, 0),
        device.refresh_token[:-1] + ("A" if device.refresh_token[-1] != "A" else "B"),
        device.refresh_token.replace(".0.", ".1."),
        "garbage",
    ]
    await attack(guarded, stores, owner)

    for token in forged:
        answer = await sign_in(guarded, owner, PASSWORD, known_device=token)
        assert problem(answer) == (429, "account_delayed")


async def test_a_known_device_may_not_guess_for_ever(guarded: Service, owner: str, device: SignedIn) -> None:
    answers = [await sign_in(guarded, owner, known_device=device.refresh_token) for _ in range(30)]

    assert passed(answers) < len(answers)
    assert answers[-1].headers["ratelimit-policy"] == '"sign-in-account";q=10;w=60'
    # A device is counted apart, so a stolen one keeps nobody out.
    assert (await sign_in(guarded, owner, PASSWORD)).status_code == 201


async def test_nobody_can_charge_a_known_device_by_naming_it(guarded: Service, owner: str, device: SignedIn) -> None:
    session = device.session_id.replace("-", "")
    for separator in (" ", "\0", ""):
        await guess(guarded, f"{owner}{separator}{session}", 12)

    answer = await sign_in(guarded, owner, PASSWORD, known_device=device.refresh_token)

    assert answer.status_code == 201


async def test_the_delay_grows_wears_off_and_is_cleared_by_a_success(
    guarded: Service, owner: str, stores: Addresses
) -> None:
    delays: list[int] = []
    for _ in range(3):
        refused = await guess(guarded, owner, 6 if not delays else 2)
        delays.append(int(refused.headers["retry-after"]))
        await delay_until(stores, OVER_MS)
    assert (await sign_in(guarded, owner, PASSWORD)).status_code == 201

    tried_again = [await sign_in(guarded, owner) for _ in range(2)]

    # The time between two requests is the test's own.
    for delay, expected in zip(delays, [2, 4, 8], strict=True):
        assert expected - 1 <= delay <= expected
    assert [problem(answer) for answer in tried_again] == [(401, "credentials_wrong")] * 2


async def test_a_wait_as_long_as_told_is_enough(guarded: Service, owner: str) -> None:
    refused = await guess(guarded, owner, THRESHOLD + 1)
    seconds = int(refused.headers["retry-after"])

    async def is_let_in() -> bool:
        return (await sign_in(guarded, owner, PASSWORD)).status_code == 201

    waited = await eventually(is_let_in, within=seconds + 5.0)

    assert waited > seconds - 1.5


async def test_an_address_nobody_has_is_charged_and_delayed_like_one_that_somebody_has(
    guarded: Service, stores: Addresses, owner: str
) -> None:
    known = await attacked(guarded, stores, owner)
    unknown = await attacked(guarded, stores, new_email())
    malformed = await attacked(guarded, stores, "not an address")

    assert known[0] == unknown[0] == malformed[0]
    assert known[1] == unknown[1] == malformed[1]
    assert Counter(status for status, _ in known[0]) == {401: 5, 429: 5}


async def attacked(guarded: Service, stores: Addresses, email: str) -> tuple[list[tuple[int, str]], Counter[str]]:
    """Guess until it is refused, with and without a device; gives the answers, and what they cost."""
    before = await read_metrics(guarded)
    seen = []
    for number, device in enumerate([None] * 8 + ["garbage", refresh_tokens.issue(Secrets([SECRET]), STRANGER, 0)]):
        if number == THRESHOLD:
            await delay_until(stores, FOR_EVER_MS)
        seen.append(problem(await sign_in(guarded, email, known_device=device)))
    after = await read_metrics(guarded)
    cost = after.statements() - before.statements()
    cost["redis"] = after.redis_commands() - before.redis_commands()
    cost["hashes"] = after.hashes() - before.hashes()
    return seen, cost
