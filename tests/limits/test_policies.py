"""What each policy counts, for whom, and what is never counted."""

import asyncio
import secrets

import pytest
import redis.asyncio as redis

from service.limits.charging import subscriber
from tests.kit.environment import Addresses
from tests.kit.metrics import read_metrics, total
from tests.kit.parts import settings_of
from tests.kit.people import PASSWORD, Person, SignedIn, new_person, problem
from tests.kit.refreshing import refresh
from tests.kit.services import Service
from tests.limits.crowds import ask_at_once, behind, new_address, new_email, passed, register, sign_in
from tests.limits.limited import LIMITS

LOUD = "RATE LIMITS ARE OFF"


def test_the_limits_a_service_comes_with(stores: Addresses) -> None:
    settings = settings_of(stores)

    assert settings.limit_sign_in_account == (10, 60)
    assert settings.limit_sign_in_address == (60, 60)
    assert settings.limit_registration == (5, 3600)
    assert settings.limit_refresh == (60, 60)
    assert settings.limit_caller == (600, 60)
    assert settings.limits == "on"


async def test_five_may_register_from_one_address_in_an_hour(guarded: Service) -> None:
    address = new_address()

    answers = [await register(guarded, new_email(), address) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [201] * 5 + [429]
    assert problem(answers[-1]) == (429, "rate_limited")
    assert answers[-1].headers["ratelimit-policy"] == '"registration";q=5;w=3600'
    assert int(answers[-1].headers["retry-after"]) > 600
    assert (await register(guarded, new_email(), new_address())).status_code == 201


async def test_a_session_refreshes_sixty_times_in_a_minute_and_the_next_session_too(guarded: Service) -> None:
    email = new_email()
    await register(guarded, email, new_address())
    phone, laptop = [SignedIn.of(await sign_in(guarded, email, PASSWORD)) for _ in range(2)]

    answers = await ask_at_once([guarded], lambda service, _: refresh(service, phone.refresh_token), 100)

    assert 60 <= passed(answers) < 100
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["ratelimit-policy"] == '"refresh";q=60;w=60'
    assert (await refresh(guarded, laptop.refresh_token)).status_code == 200


async def test_a_caller_is_counted_by_user_whatever_is_asked_and_from_wherever(limited: tuple[Service, ...]) -> None:
    session, other = await signed_in(limited[0]), await signed_in(limited[0])

    answers = [
        await service.get(path, token=session.access_token, headers=behind(new_address()))
        for service in limited
        for path in ("/v1/sessions", "/v1/users/me?counted=", "/v1/users") * 3
    ]

    # Also what is refused for another reason has been counted.
    assert sum(answer.status_code != 429 for answer in answers) == LIMITS["caller"]
    assert answers[-1].headers["ratelimit-policy"] == f'"caller";q={LIMITS["caller"]};w=86400'
    assert (await limited[0].get("/v1/sessions", token=other.access_token)).status_code == 200


async def test_a_caller_nobody_knows_is_counted_by_address(limited: tuple[Service, ...]) -> None:
    address = new_address()

    answers = await ask_at_once(
        limited, lambda service, _: service.get("/.well-known/jwks.json", headers=behind(address)), 60
    )

    assert passed(answers) == LIMITS["caller"]
    assert (await limited[0].get("/.well-known/jwks.json", headers=behind(new_address()))).status_code == 200


async def test_warm_profiles_and_verifying_are_never_limited(limited: tuple[Service, ...]) -> None:
    service = limited[0]
    session = await signed_in(service)
    await service.get("/v1/users/me", token=session.access_token)
    before = await read_metrics(service)

    warm = await ask_at_once([service], lambda one, _: one.get("/v1/users/me", token=session.access_token), 100)
    verified = await ask_at_once(
        [service], lambda one, number: one.get(f"/v1/verify/{number}?scope=", token=session.access_token), 50
    )
    plain = await ask_at_once([service], lambda one, _: one.post("/v1/verify", token=session.access_token), 50)

    assert {answer.status_code for answer in warm + plain} == {200}
    assert 429 not in {answer.status_code for answer in verified}
    assert (await read_metrics(service)).redis_commands() == before.redis_commands()


async def test_a_subscriber_of_ipv6_is_a_64(limited: tuple[Service, ...]) -> None:
    network = f"2001:db8:{secrets.token_hex(2)}:1"
    home = [f"{network}:{number:x}::{number:x}" for number in range(40)]
    next_door = f"{network[:-1]}2::1"

    answers = await ask_at_once(
        limited, lambda service, number: register(service, new_email(), home[number % len(home)]), 40
    )

    assert passed(answers) == LIMITS["registration"]
    assert (await register(limited[0], new_email(), next_door)).status_code == 201


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:0DB8:0001:0002::1", "2001:db8:1:2::"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("not an address", "not an address"),
    ],
)
def test_how_a_subscriber_is_named(address: str, named: str) -> None:
    assert subscriber(address) == named


async def test_refusals_are_counted_by_policy(limited: tuple[Service, ...]) -> None:
    address = new_address()
    before = await total(limited, "signet_limits_refused_total", policy="registration")

    answers = await ask_at_once(limited, lambda service, _: register(service, new_email(), address), 20)

    refused = len(answers) - passed(answers)
    assert await total(limited, "signet_limits_refused_total", policy="registration") == before + refused


async def test_nobody_reads_who_was_counted_out_of_redis(guarded: Service, stores: Addresses) -> None:
    email, address = new_email(), new_address()
    await register(guarded, email, address)
    session = SignedIn.of(await sign_in(guarded, email, PASSWORD, address=address))
    await sign_in(guarded, email, address=address)
    await sign_in(guarded, email, address=address, known_device=session.refresh_token)
    await refresh(guarded, session.refresh_token)
    await guarded.get("/v1/sessions", token=session.access_token)
    await guarded.get("/v1/users/me", token=session.access_token)
    await guarded.get("/.well-known/jwks.json", headers=behind(address))

    async with redis.Redis.from_url(stores.redis_url) as client:
        keys = [key.decode() async for key in client.scan_iter()]

    policies = {key.split(":")[3] for key in keys if key.startswith("signet:{limit}:")}
    assert policies == {"sign-in-account", "sign-in-address", "registration", "refresh", "caller", "lockout"}
    told = [email, email.partition("@")[0], address, "127.0.0.1", session.access_token, session.refresh_token]
    told += [session.session_id, session.session_id.replace("-", ""), "@"]
    assert [(word, key) for word in told for key in keys if word in key] == []


async def test_limits_that_are_off_refuse_nobody_and_are_said_loudly(service: Service, guarded: Service) -> None:
    ada = await new_person(service, new_email())

    answers = await asyncio.gather(*(sign_in(service, ada.email) for _ in range(30)))

    assert {answer.status_code for answer in answers} == {401}
    assert (await read_metrics(service)).value("signet_limits_enabled") == 0
    assert any(LOUD in line for line in service.log_lines())
    assert (await read_metrics(guarded)).value("signet_limits_enabled") == 1
    assert not any(LOUD in line for line in guarded.log_lines())


async def signed_in(service: Service) -> SignedIn:
    """Register somebody from an address of their own, and sign them in."""
    person = Person(service, new_email())
    assert (await register(service, person.email, new_address())).status_code == 201
    return SignedIn.of(await sign_in(service, person.email, PASSWORD))
