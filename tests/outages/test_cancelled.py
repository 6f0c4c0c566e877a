"""Clients that hang up in the middle leave nothing behind: no connection, no place in the pool, no slot for a hash."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import asyncpg
import orjson
import pytest

from service.settings import Settings
from tests.kit.metrics import read_metrics
from tests.kit.people import Person, SignedIn
from tests.kit.racing import transaction
from tests.kit.services import Service
from tests.kit.waiting import eventually
from tests.outages.behind import Behind, connections, sign_in, works

AT_ONCE = 100
LONGEST_PATIENCE = 0.08
CALM_WITHIN = 20.0
# One connection beside the pool follows the changes.
CONNECTIONS = Settings.model_fields["database_pool"].default + 1
# The pools of both stores may have grown meanwhile, and stay.
SPARE_FILES = 50
GAUGES = ("signet_database_pool_in_use", "signet_database_pool_waiting", "signet_hash_queue_depth")


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(2_000, id="some"),
        pytest.param(10_000, id="many", marks=[pytest.mark.prove, pytest.mark.timeout(900)]),
    ],
)
async def test_cancelled_requests_leave_nothing_behind(
    replicas_behind_faults: tuple[Service, Service],
    behind: Behind,
    ada: Person,
    eve: Person,
    database: asyncpg.Connection,
    count: int,
) -> None:
    phone, slow = await ada.sign_in(), await eve.sign_in()
    files = [await _open_files(replica) for replica in replicas_behind_faults]

    # Whoever writes to this user waits for the lock, and then in vain.
    async with transaction(database):
        await database.execute("SELECT FROM users WHERE id = $1 FOR UPDATE", eve.id)
        await _hang_up_on(replicas_behind_faults, _requests(ada, phone, slow, count))

    for replica, before in zip(replicas_behind_faults, files, strict=True):
        assert await _left_after_a_while(replica, before) == {}
        assert await works(replica, phone)
        # Some hundred hashes were given up: were each to take its slot along, none would be left.
        await eventually(_signs_in, replica, ada, within=CALM_WITHIN)
    assert await connections(behind) <= len(replicas_behind_faults) * CONNECTIONS


def _requests(person: Person, session: SignedIn, slow: SignedIn, count: int) -> Iterator[bytes]:
    """Make up requests: most are quick, some wait for a lock, some hash, some never come to their end."""
    password = {"email": person.email, "password": person.password}
    quick = [
        _request("GET", "/v1/users/me", session),
        _request("GET", "/v1/sessions", session),
        _request("GET", "/v1/verify", session),
        _request("POST", "/v1/sessions/refresh", session, {"refresh_token": session.refresh_token}),
    ]
    waiting = _request("PATCH", "/v1/users/me", slow, {"display_name": "Late"})
    hashing = _request("POST", "/v1/sessions", session, password)
    half = _request("PATCH", "/v1/users/me", session, {"display_name": "Half"})[:-5]
    kinds = [*quick * 4, waiting, waiting, hashing, half]
    return iter([kinds[number % len(kinds)] for number in range(count)])


def _request(method: str, path: str, session: SignedIn, body: dict[str, str] | None = None) -> bytes:
    content = orjson.dumps(body) if body else b""
    head = [
        f"{method} {path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {session.access_token}",
        "If-Match: *",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
    ]
    return "\r\n".join([*head, "", ""]).encode() + content


async def _hang_up_on(replicas: tuple[Service, ...], requests: Iterator[bytes]) -> None:
    """Send all requests, so many at once, each by a client that soon loses patience."""
    chance = random.Random(1)

    async def client() -> None:
        for request in requests:
            await _ask_and_hang_up(chance.choice(replicas), request, chance.uniform(0, LONGEST_PATIENCE))

    await asyncio.gather(*(client() for _ in range(AT_ONCE)))


async def _ask_and_hang_up(replica: Service, request: bytes, patience: float) -> None:
    address = urlsplit(replica.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(request)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await reader.read(1)
    finally:
        writer.transport.abort()
        with suppress(OSError):
            await writer.wait_closed()


async def _signs_in(replica: Service, person: Person) -> bool:
    """Tell whether somebody is let in; the hashes of those who hung up may still be in the way."""
    return (await sign_in(replica, person)).status_code == 201


async def _left_after_a_while(replica: Service, files: float) -> dict[str, float]:
    """Name what a replica still holds when the last request should long have ended: at the end nothing, once."""
    left: dict[str, float] = {}

    async def is_nothing() -> bool:
        nonlocal left
        left = await _left_behind(replica, files)
        return not left

    with suppress(AssertionError):
        await eventually(is_nothing, within=CALM_WITHIN)
    return left


async def _left_behind(replica: Service, files: float) -> dict[str, float]:
    """Name what a replica still holds for clients that have gone."""
    reading = await read_metrics(replica)
    more_files = reading.value("process_open_fds") - files - SPARE_FILES
    held = {"files": max(0.0, more_files), **{gauge: reading.value(gauge) for gauge in GAUGES}}
    return {name: value for name, value in held.items() if value}


async def _open_files(replica: Service) -> float:
    return (await read_metrics(replica)).value("process_open_fds")
