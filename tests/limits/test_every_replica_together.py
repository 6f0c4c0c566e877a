"""One limit for all replicas, however many ask at once and whatever becomes of Redis."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from local.server import Server
from tests.kit.killable import flush, until_redis_is_used
from tests.kit.people import PASSWORD, SignedIn
from tests.kit.refreshing import refresh
from tests.kit.services import Service
from tests.limits.crowds import Asking, ask_at_once, new_address, new_email, passed, register, sign_in
from tests.limits.limited import LIMITS

Replicas = tuple[Service, ...]


async def new_session(service: Service) -> SignedIn:
    """Register somebody from an address of their own, and sign them in."""
    email = new_email()
    assert (await register(service, email, new_address())).status_code == 201
    return SignedIn.of(await sign_in(service, email, PASSWORD))


async def guessing_one_account_from_a_known_device(replicas: Replicas) -> Asking:
    email = new_email()
    assert (await register(replicas[0], email, new_address())).status_code == 201
    device = SignedIn.of(await sign_in(replicas[0], email, PASSWORD)).refresh_token
    return lambda service, _: sign_in(service, email, known_device=device)


async def guessing_from_one_address(_: Replicas) -> Asking:
    address = new_address()
    return lambda service, _: sign_in(service, new_email(), address=address)


async def registering_from_one_address(_: Replicas) -> Asking:
    address = new_address()
    return lambda service, _: register(service, new_email(), address)


async def refreshing_one_session(replicas: Replicas) -> Asking:
    session = await new_session(replicas[0])
    return lambda service, _: refresh(service, session.refresh_token)


async def calling_as_one_user(replicas: Replicas) -> Asking:
    session = await new_session(replicas[0])
    return lambda service, _: service.get("/v1/sessions", token=session.access_token)


KINDS: dict[str, Callable[[Replicas], Awaitable[Asking]]] = {
    "sign_in_account": guessing_one_account_from_a_known_device,
    "sign_in_address": guessing_from_one_address,
    "registration": registering_from_one_address,
    "refresh": refreshing_one_session,
    "caller": calling_as_one_user,
}


@pytest.mark.parametrize("kind", KINDS)
async def test_exactly_as_many_pass_as_the_limit_says(limited: Replicas, kind: str) -> None:
    asking = await KINDS[kind](limited)

    answers = await ask_at_once(limited, asking, 10 * LIMITS[kind])

    assert passed(answers) == LIMITS[kind]


async def test_wrong_passwords_at_once_never_exceed_the_policy_of_the_account(limited: Replicas) -> None:
    email = new_email()

    answers = await ask_at_once(limited, lambda service, _: sign_in(service, email), 10 * LIMITS["sign_in_account"])

    assert 1 <= passed(answers) <= LIMITS["sign_in_account"]


async def test_a_redis_that_is_emptied_lets_pass_twice_the_limit_at_most(limited: Replicas, own_redis: Server) -> None:
    asking = await guessing_from_one_address(limited)

    async def empty_it() -> list[httpx.Response]:
        await flush(own_redis.url)
        return []

    first, _, second = await asyncio.gather(
        ask_at_once(limited, asking, 5 * LIMITS["sign_in_address"]),
        empty_it(),
        ask_at_once(limited, asking, 5 * LIMITS["sign_in_address"]),
    )

    assert LIMITS["sign_in_address"] <= passed(first + second) <= 2 * LIMITS["sign_in_address"]


async def test_a_redis_that_is_killed_lets_pass_twice_the_limit_at_most(limited: Replicas, own_redis: Server) -> None:
    asking = await guessing_from_one_address(limited)

    first, _, second = await asyncio.gather(
        ask_at_once(limited, asking, 5 * LIMITS["sign_in_address"]),
        asyncio.to_thread(own_redis.kill),
        ask_at_once(limited, asking, 5 * LIMITS["sign_in_address"]),
    )

    assert LIMITS["sign_in_address"] <= passed(first + second) <= 2 * LIMITS["sign_in_address"]


async def test_a_redis_that_comes_back_empty_lets_pass_twice_the_limit_at_most(
    limited: Replicas, own_redis: Server
) -> None:
    asking = await guessing_from_one_address(limited)
    many = 5 * LIMITS["sign_in_address"]

    before = await ask_at_once(limited, asking, many)
    await asyncio.to_thread(own_redis.kill)
    meanwhile = await ask_at_once(limited, asking, many)
    await asyncio.to_thread(own_redis.start)
    await until_redis_is_used(*limited)
    afterwards = await ask_at_once(limited, asking, many)

    assert passed(before) == LIMITS["sign_in_address"]
    assert passed(before + meanwhile + afterwards) <= 2 * LIMITS["sign_in_address"]


@pytest.mark.parametrize("kind", ["sign_in_address", "registration"])
async def test_without_redis_the_processes_share_the_limit(limited: Replicas, own_redis: Server, kind: str) -> None:
    asking = await KINDS[kind](limited)
    await asyncio.to_thread(own_redis.kill)

    alone = await ask_at_once(limited[:1], asking, LIMITS[kind])
    others = await ask_at_once(limited[1:], asking, 10 * LIMITS[kind])

    assert passed(alone) == LIMITS[kind] // len(limited)
    assert passed(alone + others) == LIMITS[kind]


async def test_without_redis_a_right_password_is_given_back_and_a_wrong_one_counts(
    limited: Replicas, own_redis: Server
) -> None:
    address, email = new_address(), new_email()
    assert (await register(limited[0], email, address)).status_code == 201
    await asyncio.to_thread(own_redis.kill)
    share = LIMITS["sign_in_address"] // len(limited)

    right = [await sign_in(limited[0], email, PASSWORD, address=address) for _ in range(3 * share)]
    wrong = [await sign_in(limited[0], new_email(), address=address) for _ in range(3 * share)]

    assert {answer.status_code for answer in right} == {201}
    assert passed(wrong) == share
