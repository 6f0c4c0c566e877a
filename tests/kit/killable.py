"""A Redis that a test may kill: its own, so that nobody else's goes with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import redis.asyncio as redis

from local import valkey
from local.folder import opened
from local.patience import Patience
from local.server import Server
from tests.kit.services import NO_TLS, Service
from tests.kit.waiting import eventually


@contextmanager
def killable_redis(folder: Path) -> Iterator[Server]:
    """Run a Redis that forgets everything when it is killed."""
    patience = Patience()
    with (
        opened(folder, patience) as owned,
        valkey.available(owned, patience, durable=False, arguments=()).running() as server,
    ):
        yield server


async def flush(url: str) -> None:
    """Empty a Redis at once, as a failover to an empty one would."""
    async with redis.Redis.from_url(url) as client:
        await client.flushall()


async def until_redis_is_used(*services: Service) -> None:
    """Wait until every replica asks Redis again: a breaker that has opened waits a second before its next look."""
    for service in services:
        await eventually(_uses_redis, service, within=5.0)


async def _uses_redis(service: Service) -> bool:
    async with httpx.AsyncClient(verify=NO_TLS) as client:
        checks = (await client.get(f"{service.management_url}/startupz")).json()["checks"]
    return bool(checks["redis"]["ok"])
