"""More passwords than can be hashed: refused at once or soon, told when to come back, and counted."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.kit.environment import Addresses
from tests.kit.metrics import read_metrics
from tests.kit.people import new_person, problem
from tests.kit.services import Service, running_service
from tests.kit.waiting import eventually

# One thread, two that may wait a tenth of a second, and hashes that take longer than that.
NARROW = {
    "SIGNET_HASH_THREADS": "1",
    "SIGNET_HASH_QUEUE": "2",
    "SIGNET_HASH_WAIT": "100ms",
    "SIGNET_ARGON2_ITERATIONS": "8",
    "SIGNET_ARGON2_MEMORY_KIB": "65536",
}

# Somebody whose hash is that slow; a decoy costs what the hashes of others do.
EMAIL = "ada@example.com"


@pytest.fixture(scope="session")
async def narrow(stores: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """A process that hashes one password at a time, slowly."""
    async with running_service(stores, tmp_path_factory.mktemp("narrow") / "log", NARROW) as only:
        yield only


async def test_what_is_too_much_or_too_late_is_refused_and_counted(narrow: Service, stores: Addresses) -> None:
    assert stores.redis_url
    await new_person(narrow, EMAIL)
    before = await read_metrics(narrow)
    answers: list[tuple[int, str, str]] = []

    async def reasons() -> dict[str, float]:
        after = await read_metrics(narrow)
        counted = "signet_hash_rejected_total"
        return {
            reason: after.value(counted, reason=reason) - before.value(counted, reason=reason)
            for reason in ("full", "late")
        }

    async def are_both_seen() -> bool:
        answers.extend(await asyncio.gather(*(guess(narrow) for _ in range(8))))
        return min((await reasons()).values()) >= 1

    # A machine that hashes faster than it takes requests in has nobody wait for too long, in that round.
    await eventually(are_both_seen, within=20.0)

    refused = [answer for answer in answers if answer[0] == 503]
    assert {answer[0] for answer in answers} == {401, 503}
    assert set(refused) == {(503, "overloaded", "1")}
    after, counts = await read_metrics(narrow), await reasons()
    assert sum(counts.values()) == len(refused)
    waited = "signet_hash_wait_seconds_count"
    assert after.value(waited) - before.value(waited) >= counts["late"]


async def test_once_the_crowd_has_gone_everybody_is_served_again(narrow: Service, stores: Addresses) -> None:
    assert stores.redis_url
    ada = await new_person(narrow, EMAIL)
    await asyncio.gather(*(guess(narrow) for _ in range(8)))

    async def is_served() -> bool:
        return (await guess(narrow))[0] == 401

    await eventually(is_served, within=10.0)

    assert (await ada.sign_in()).access_token
    assert (await read_metrics(narrow)).value("signet_hash_queue_depth") == 0


async def guess(service: Service) -> tuple[int, str, str]:
    answer = await service.post("/v1/sessions", json={"email": EMAIL, "password": "not her password"})
    return (*problem(answer), answer.headers.get("retry-after", ""))
