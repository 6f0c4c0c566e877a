"""Every connection in use: what is in memory is answered all the same, the rest is told so at once."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

import asyncpg

from tests.kit.metrics import read_metrics
from tests.kit.people import Person, SignedIn, new_person
from tests.kit.services import Service
from tests.kit.waiting import eventually

POOL = 2
TIGHT = {
    "SIGNET_DATABASE_POOL": str(POOL),
    "SIGNET_DATABASE_WAIT": "300ms",
    "SIGNET_DATABASE_TIMEOUT": "800ms",
    "SIGNET_NEAR_TTL": "5min",
}


async def test_an_exhausted_pool_leaves_cached_reads_alone_and_refuses_the_rest_at_once(
    start_service: Callable[..., Awaitable[Service]], database: asyncpg.Connection
) -> None:
    service = await start_service(**TIGHT)
    ada = await new_person(service, "ada@example.com")
    session = await ada.sign_in()
    await service.get("/v1/users/me", token=session.access_token)

    async with database.transaction():
        # Whoever needs the table waits for it, with a connection in hand.
        await database.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        waiting = [asyncio.ensure_future(timed(service, ada)) for _ in range(10 * POOL)]
        await eventually(is_exhausted, service, within=5)
        reads = [await service.get("/v1/users/me", token=session.access_token) for _ in range(50)]
        refused = await asyncio.gather(*waiting)

    assert {answer.status_code for answer in reads} == {200}
    assert {status for status, _, _ in refused} == {503}
    assert all(retry_after for _, retry_after, _ in refused)
    assert max(seconds for _, _, seconds in refused) < 2
    assert isinstance(await ada.sign_in(), SignedIn)
    assert (await read_metrics(service)).value("signet_database_pool_in_use") == 0


async def timed(service: Service, person: Person) -> tuple[int, str | None, float]:
    """Try to sign in; give status, Retry-After, and how long it took."""
    began = monotonic()
    answer = await service.post("/v1/sessions", json={"email": person.email, "password": person.password})
    return answer.status_code, answer.headers.get("retry-after"), monotonic() - began


async def is_exhausted(service: Service) -> bool:
    return (await read_metrics(service)).value("signet_database_pool_in_use") >= POOL
