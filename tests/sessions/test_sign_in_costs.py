"""An unknown address costs what a known one does: the same hashes, the same statements, the same trips to Redis."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import argon2
import pytest
from annotated_types import Le
from prometheus_client import CollectorRegistry

from service.security.hashing_pool import HashingPool
from service.security.password_schemes import find_scheme, imitation, is_match
from service.security.passwords import Passwords
from service.security.secrets import Secrets
from service.settings import Settings
from service.telemetry.metrics import HashingMetrics
from tests.kit.environment import SECRET, Addresses
from tests.kit.metrics import read_metrics
from tests.kit.people import Person
from tests.kit.services import Service, running_service

ATTEMPTS = 5
ADDRESSES = 5_000
OWN_SCHEME = "argon2id$7168,1,1"
MIX = {OWN_SCHEME: 55, "bcrypt$12": 30, "bcrypt$10": 10, "argon2i$65536,3,4": 5}


async def test_an_unknown_address_and_a_wrong_password_cost_the_same(service: Service, ada: Person) -> None:
    known = await _cost(service, lambda _: ada.email)
    unknown = await _cost(service, lambda attempt: f"nobody-{attempt}@example.com")
    malformed = await _cost(service, lambda attempt: f"not an address {attempt}")

    assert known == unknown == malformed
    assert known["hashes"] == known["users.credentials_by_email"] == ATTEMPTS


async def test_only_a_right_password_costs_more(service: Service, ada: Person) -> None:
    wrong = await _cost(service, lambda _: ada.email)
    right = await _cost(service, lambda _: ada.email, ada.password)

    assert right - wrong == Counter({"sessions.start": ATTEMPTS})
    assert wrong - right == Counter()


async def test_a_suspended_user_with_a_wrong_password_costs_the_same(
    service: Service, ada: Person, eve: Person, admin: Person
) -> None:
    boss = await admin.sign_in()
    await service.post(f"/v1/users/{eve.id}/suspend", json={}, token=boss.access_token)

    assert await _cost(service, lambda _: eve.email) == await _cost(service, lambda _: ada.email)


@pytest.mark.parametrize("knows_a_device", [False, True])
async def test_with_limits_too_an_unknown_address_costs_what_a_wrong_password_does(
    limited: Service, ada: Person, *, knows_a_device: bool
) -> None:
    given = {"known_device": (await ada.sign_in("phone", limited)).refresh_token} if knows_a_device else {}
    # A Redis that was started lately has to be told each script first.
    await limited.post("/v1/sessions", json={"email": "somebody@example.com", "password": "a wrong password", **given})
    before = await read_metrics(limited)
    wrong = await limited.post("/v1/sessions", json={"email": ada.email, "password": "a wrong password", **given})
    between = await read_metrics(limited)
    unknown = await limited.post(
        "/v1/sessions", json={"email": "nobody@example.com", "password": "a wrong password", **given}
    )
    after = await read_metrics(limited)

    assert wrong.status_code == unknown.status_code == 401
    assert after.statements() - between.statements() == between.statements() - before.statements()
    assert after.hashes() - between.hashes() == between.hashes() - before.hashes() == 1
    if not knows_a_device:
        assert after.redis_commands() - between.redis_commands() == between.redis_commands() - before.redis_commands()


def test_decoys_are_drawn_in_proportion_to_stored_schemes(passwords: Passwords) -> None:
    passwords.learn_shares(MIX)

    drawn = Counter(passwords.decoy_scheme(address) for address in _addresses())

    assert set(drawn) == set(MIX)
    for scheme, users in MIX.items():
        assert drawn[scheme] / ADDRESSES == pytest.approx(users / sum(MIX.values()), abs=0.02)


def test_an_address_always_draws_the_same_decoy(passwords: Passwords) -> None:
    passwords.learn_shares(MIX)
    first = [passwords.decoy_scheme(address) for address in _addresses()]
    passwords.learn_shares(dict(reversed(MIX.items())))

    assert [passwords.decoy_scheme(address) for address in _addresses()] == first


def test_nobody_without_the_secret_can_tell_which_decoy_an_address_draws(passwords: Passwords) -> None:
    passwords.learn_shares(MIX)
    with _passwords("another secret with enough different symbols: 0123456789") as others:
        others.learn_shares(MIX)
        same = sum(passwords.decoy_scheme(address) == others.decoy_scheme(address) for address in _addresses())

    chance = sum((users / sum(MIX.values())) ** 2 for users in MIX.values())
    assert same / ADDRESSES == pytest.approx(chance, abs=0.03)


@pytest.mark.parametrize("stored", [{}, {OWN_SCHEME: 3}])
def test_without_imported_hashes_every_decoy_is_of_the_configured_scheme(
    passwords: Passwords, stored: dict[str, int]
) -> None:
    passwords.learn_shares(stored)

    assert {passwords.decoy_scheme(address) for address in _addresses()} == {OWN_SCHEME}


def test_what_can_not_be_imitated_is_not_drawn(passwords: Passwords) -> None:
    passwords.learn_shares({"": 50, "md5$1": 50, "bcrypt$12": 1})

    assert {passwords.decoy_scheme(address) for address in _addresses()} == {"bcrypt$12"}


def test_every_hash_that_the_settings_allow_is_one_that_we_accept() -> None:
    most = [
        bound.le
        for name in ("argon2_memory_kib", "argon2_iterations")
        for bound in Settings.model_fields[name].metadata
        if isinstance(bound, Le)
    ]
    scheme = "argon2id${},{},1".format(*most)

    assert find_scheme(imitation(scheme)) == scheme


@pytest.mark.parametrize("scheme", [*MIX, "bcrypt$4"])
def test_a_decoy_is_a_hash_of_its_scheme_that_no_password_matches(scheme: str) -> None:
    decoy = imitation(scheme)

    assert find_scheme(decoy) == scheme
    assert not is_match(decoy, "")
    assert imitation(scheme) != decoy


@pytest.fixture(scope="module")
async def limited(stores: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """A replica with rate limits in force."""
    log = tmp_path_factory.mktemp("logs") / "limited.log"
    async with running_service(stores, log, {"SIGNET_LIMITS": "on"}) as replica:
        yield replica


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    with _passwords(SECRET) as built:
        yield built


@contextmanager
def _passwords(secret: str) -> Iterator[Passwords]:
    pool = HashingPool(1, 1, timedelta(seconds=1), HashingMetrics(CollectorRegistry()))
    yield Passwords(argon2.PasswordHasher(1, 7168, 1), pool, Secrets([secret]))
    pool.close()


def _addresses() -> Iterator[str]:
    return (f"somebody-{number}@example.com" for number in range(ADDRESSES))


async def _cost(service: Service, email: Callable[[int], str], password: str = "a wrong password") -> Counter[str]:
    """Count what some sign-ins make a replica do."""
    before = await read_metrics(service)
    for attempt in range(ATTEMPTS):
        body = {"email": email(attempt), "password": password}
        answer = await service.post("/v1/sessions", json=body)
        assert answer.status_code in {201, 401}, answer.text
    after = await read_metrics(service)
    cost = after.statements() - before.statements()
    cost["hashes"] = after.hashes() - before.hashes()
    cost["redis"] = after.redis_commands() - before.redis_commands()
    return cost
