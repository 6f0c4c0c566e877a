"""Replicas that come and go under load: keep-alive clients without retries notice nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import asyncpg
import httpx
import pytest

from tests.kit.balancer import Balancer, balancing
from tests.kit.people import PASSWORD
from tests.kit.services import Service
from tests.kit.waiting import eventually

CLIENTS = 6
SETTINGS = {"SIGNET_DRAIN": "2s"}

Start = Callable[..., Awaitable[Service]]


@dataclass
class Ledger:
    """What clients were told, and what went wrong for them."""

    registered: list[str] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def note(self, answer: httpx.Response, expected: int) -> bool:
        if answer.status_code != expected:
            self.failures.append(f"{answer.request.method} {answer.request.url.path}: {answer.status_code}")
        return answer.status_code == expected


async def use_for_ever(url: str, number: int, ledger: Ledger) -> None:
    """Register, sign in, read, refresh, over one keep-alive connection and without retries."""
    async with httpx.AsyncClient(base_url=url, timeout=15, limits=httpx.Limits(max_connections=1)) as client:
        turn = 0
        while True:
            turn += 1
            try:
                await use_once(client, f"client-{number}-{turn}@example.com", ledger)
            except httpx.TransportError as error:
                ledger.failures.append(type(error).__name__)


async def use_once(client: httpx.AsyncClient, email: str, ledger: Ledger) -> None:
    credentials = {"email": email, "password": PASSWORD}
    if not ledger.note(await client.post("/v1/users", json=credentials), 201):
        return
    ledger.registered.append(email)
    signed_in = await client.post("/v1/sessions", json=credentials)
    if not ledger.note(signed_in, 201):
        return
    pair = signed_in.json()
    ledger.sessions.append(pair["session"]["id"])
    bearer = {"Authorization": f"Bearer {pair['access_token']}"}
    for _ in range(5):
        ledger.note(await client.get("/v1/users/me", headers=bearer), 200)
    ledger.note(await client.post("/v1/sessions/refresh", json={"refresh_token": pair["refresh_token"]}), 200)


@asynccontextmanager
async def under_load(balancer: Balancer) -> AsyncIterator[Ledger]:
    """Keep clients busy for as long as the block lasts."""
    ledger = Ledger()
    clients = [asyncio.ensure_future(use_for_ever(balancer.url, number, ledger)) for number in range(CLIENTS)]
    try:
        yield ledger
    finally:
        for client in clients:
            client.cancel()
        for client in clients:
            with suppress(asyncio.CancelledError):
                await client


async def busy(ledger: Ledger, more: int) -> None:
    """Wait until the clients have done some more."""
    target = len(ledger.sessions) + more

    async def is_there() -> bool:
        return len(ledger.sessions) >= target

    await eventually(is_there, within=60)


async def ended(replica: Service) -> bool:
    return replica.process.poll() is not None


async def assert_all_there(database: asyncpg.Connection, ledger: Ledger) -> None:
    """Compare what clients were told with what the tables say: nothing is missing."""
    emails = {row["email"] for row in await database.fetch("SELECT email FROM users")}
    sessions = {str(row["id"]) for row in await database.fetch("SELECT id FROM sessions")}
    assert set(ledger.registered) <= emails
    assert set(ledger.sessions) <= sessions


@pytest.mark.usefixtures("stores")
async def test_a_rolling_restart_under_load_fails_no_request_and_doubles_no_write(
    start_service: Start, database: asyncpg.Connection
) -> None:
    old = [await start_service(**SETTINGS), await start_service(**SETTINGS)]
    async with balancing(*old) as balancer:
        await eventually(balancer.sees, old[1], within=10)
        async with under_load(balancer) as ledger:
            for leaving in old:
                await busy(ledger, 10)
                coming = await start_service(**SETTINGS)
                balancer.replicas.append(coming)
                await eventually(balancer.sees, coming, within=10)
                leaving.process.terminate()
                await eventually(ended, leaving, within=30)
                assert leaving.process.returncode == 0
            await busy(ledger, 10)

    assert ledger.failures == []
    await assert_all_there(database, ledger)
    # A client that is cut off by the end of the test may leave one registration that it was not told of.
    assert await database.fetchval("SELECT count(*) FROM users") <= len(ledger.registered) + CLIENTS
    assert await database.fetchval("SELECT count(*) FROM sessions") <= len(ledger.sessions) + CLIENTS


@pytest.mark.usefixtures("stores")
async def test_a_killed_replica_fails_only_requests_in_flight_and_loses_nothing_acknowledged(
    start_service: Start, database: asyncpg.Connection
) -> None:
    doomed, staying = await start_service(**SETTINGS), await start_service(**SETTINGS)
    async with balancing(doomed, staying) as balancer:
        await eventually(balancer.sees, staying, within=10)
        async with under_load(balancer) as ledger:
            await busy(ledger, 10)
            doomed.kill()
            await busy(ledger, 20)

    # One for each connection that the killed process held, and one more for each that the balancer sent there since.
    assert len(ledger.failures) <= 2 * CLIENTS
    await assert_all_there(database, ledger)
