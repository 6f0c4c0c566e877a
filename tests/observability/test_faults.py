"""Real faults of the running service, and the alerts that must fire for them in a real Prometheus.

Only times are shortened, in one place (tests/kit/watching.py): expressions and thresholds are those that ship.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.kit.environment import SECRET, Addresses
from tests.kit.people import Person, new_person
from tests.kit.refreshing import refresh
from tests.kit.services import Caller, running_service
from tests.kit.waiting import eventually
from tests.observability.everything import guessing, replay
from tests.observability.scene import Watched
from tests.outages.ways import refusing, silent, slow

pytestmark = [pytest.mark.prove, pytest.mark.timeout(180)]

FIRES_WITHIN = 40.0
A_SPIKE = 20
# Guesses for one account that its limit lets through, and accounts enough for an attack.
GUESSES, GUESSED = 10, 20
SLOWNESS_SECONDS, CUT_OFF_SECONDS = 0.25, 2.0
Ask = Callable[[], Awaitable[httpx.Response]]


@asynccontextmanager
async def asked_all_the_time(*asks: Ask) -> AsyncIterator[None]:
    """Ask each of these again and again, side by side, for as long as the block takes; answers may be anything."""

    async def again(ask: Ask) -> None:
        while True:
            with suppress(httpx.TransportError):
                await ask()
            await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(again(ask)) for ask in asks]
        yield
        for task in tasks:
            task.cancel()


async def fire(watched: Watched, *alerts: str) -> None:
    """Wait until all of these fire at once."""

    async def do_fire() -> bool:
        return set(alerts) <= await watched.prometheus.firing()

    try:
        await eventually(do_fire, within=FIRES_WITHIN)
    except AssertionError:
        burning = {
            series["metric"]["slo"]: series["value"][1]
            for series in await watched.prometheus.ask("signet:slo_burn_rate:ratio_rate1h")
        }
        pytest.fail(f"{set(alerts) - await watched.prometheus.firing()} did not fire; budgets burn at {burning}")


@pytest.fixture
async def grace(watched: Watched) -> Person:
    """Somebody with an account."""
    return await new_person(watched.first, f"{secrets.token_hex(6)}@example.com")


def signing_in(service: Caller, person: Person) -> Ask:
    return partial(service.post, "/v1/sessions", json={"email": person.email, "password": person.password})


async def test_nothing_fires_while_all_is_well(watched: Watched, grace: Person) -> None:
    session = await grace.sign_in("phone")
    reads: list[Ask] = [
        partial(replica.get, "/v1/users/me", token=session.access_token) for replica in watched.replicas
    ]

    async with asked_all_the_time(*reads):
        await asyncio.sleep(CUT_OFF_SECONDS)

        assert await watched.prometheus.firing() == set()


async def test_somebody_tries_passwords(watched: Watched) -> None:
    for _ in range(GUESSED):
        await guessing(watched.first, f"{secrets.token_hex(6)}@example.com", GUESSES)

    await fire(watched, "SignetCredentialStuffing")


async def test_used_refresh_tokens_come_back(watched: Watched, grace: Person, database: asyncpg.Connection) -> None:
    for _ in range(A_SPIKE):
        await replay(watched.first, await grace.sign_in(), database)

    await fire(watched, "SignetReplaySpike")


async def test_a_secret_is_moved_to_the_front_before_all_replicas_know_it(
    watched: Watched, grace: Person, stores: Addresses, tmp_path: Path
) -> None:
    too_early = {"SIGNET_SECRET_KEYS": f"A-Secret-That-The-Other-Replicas-Have-Not-Got-17,{SECRET}"}
    async with running_service(stores, tmp_path / "early.log", too_early) as early:
        session = await grace.sign_in("phone", early)

    for _ in range(A_SPIKE):
        assert (await refresh(watched.first, session.refresh_token)).status_code in {401, 429}

    await fire(watched, "SignetRefreshSecretUnknown")


async def test_more_people_sign_in_than_there_is_cpu_for(watched: Watched, grace: Person) -> None:
    crowd: list[Ask] = [signing_in(watched.first, grace)] * A_SPIKE

    async with asked_all_the_time(*crowd):
        await fire(watched, "SignetHashQueue")


async def test_redis_goes_away(watched: Watched, grace: Person) -> None:
    session = await grace.sign_in("phone")
    reads: list[Ask] = [
        partial(replica.get, "/v1/users/me", token=session.access_token) for replica in watched.replicas
    ]

    async with refusing(watched.redis), asked_all_the_time(*reads):
        await fire(watched, "SignetStoreBreakerOpen")


async def test_postgres_is_slow(watched: Watched, grace: Person) -> None:
    session = await grace.sign_in("phone")
    listing = partial(watched.second.get, "/v1/sessions", token=session.access_token)

    crowd: list[Ask] = [listing] * A_SPIKE

    async with slow(watched.postgres, SLOWNESS_SECONDS), asked_all_the_time(*crowd):
        await fire(watched, "SignetLatencyBudgetBurn", "SignetPoolWaiting")


async def test_postgres_goes_away(watched: Watched, grace: Person) -> None:
    """One replica can't reach it: it answers from memory for a while, then refuses rather than guess."""
    session = await grace.sign_in("phone")
    ask = watched.second
    asks: list[Ask] = [
        signing_in(ask, grace),
        partial(ask.get, "/v1/sessions", token=session.access_token),
        partial(ask.get, "/v1/users/me", token=session.access_token),
        partial(refresh, ask, session.refresh_token),
    ]
    await ask.get("/v1/users/me", token=session.access_token)

    async with refusing(watched.postgres):
        async with asked_all_the_time(*asks):
            await fire(watched, "SignetStaleAnswers")
        verifying: Ask = partial(ask.get, "/v1/verify", token=session.access_token)
        async with asked_all_the_time(*asks, verifying):
            await fire(
                watched,
                "SignetDatabaseErrors",
                "SignetAvailabilityBudgetBurn",
                "SignetSignInBudgetBurn",
                "SignetVerificationBudgetBurn",
                "SignetChangesBehind",
            )


async def test_a_replica_hears_late_of_revocations(watched: Watched, grace: Person) -> None:
    """Cut off from both stores again and again, it learns afterwards what the other replica has ended."""

    async def cut_off_once() -> httpx.Response:
        session = await grace.sign_in()
        async with silent(watched.postgres):
            ended = await watched.first.delete("/v1/sessions/current", token=session.access_token)
            await asyncio.sleep(CUT_OFF_SECONDS)
        return ended

    async with refusing(watched.redis), asked_all_the_time(cut_off_once):
        await fire(watched, "SignetRevocationLagBudgetBurn")


async def test_no_replica_is_left(watched: Watched) -> None:
    """The last test here: nobody is there afterwards."""
    for replica in watched.replicas:
        replica.kill()

    await fire(watched, "SignetNoData")
