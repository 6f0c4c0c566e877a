"""Replicas with limits on: four with small limits on a Redis that may be killed, one with the limits of the shop."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from local.server import Server
from tests.kit.admins import admin
from tests.kit.environment import Addresses
from tests.kit.killable import killable_redis, until_redis_is_used
from tests.kit.services import Service, running_service
from tests.limits.limited import REPLICAS, SMALL_LIMITS, SWITCHED_ON

__all__ = ["admin"]


@pytest.fixture(scope="session")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Redis of these tests' own."""
    with killable_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
async def limited_replicas(
    stores: Addresses, own_redis: Server, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Service, ...]]:
    """Four processes with small limits that refill in hours."""
    logs, own = tmp_path_factory.mktemp("limited"), replace(stores, redis_url=own_redis.url)
    async with AsyncExitStack() as stack:
        yield tuple(
            [
                await stack.enter_async_context(running_service(own, logs / f"{number}.log", SMALL_LIMITS))
                for number in range(REPLICAS)
            ]
        )


@pytest.fixture
async def limited(limited_replicas: tuple[Service, ...], own_redis: Server) -> tuple[Service, ...]:
    """The four processes, counting together."""
    own_redis.start()
    await until_redis_is_used(*limited_replicas)
    return limited_replicas


@pytest.fixture(scope="session")
async def guarded_replica(stores: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """One process with the limits it comes with."""
    async with running_service(stores, tmp_path_factory.mktemp("guarded") / "log", SWITCHED_ON) as only:
        yield only


@pytest.fixture
def guarded(guarded_replica: Service) -> Service:
    """The process with the limits it comes with."""
    return guarded_replica
