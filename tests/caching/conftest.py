"""Two replicas on a Redis that may be killed, without near caches, so that each read goes there."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from local.server import Server
from tests.kit.admins import admin
from tests.kit.environment import Addresses
from tests.kit.killable import killable_redis, until_redis_is_used
from tests.kit.services import Service, running_pair

__all__ = ["admin"]

NO_NEAR = {"SIGNET_NEAR_ENTRIES": "0", "SIGNET_REDIS_TIMEOUT": "5s", "SIGNET_UNKNOWN_TTL": "1min"}


@pytest.fixture(scope="session")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Redis of these tests' own."""
    with killable_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
async def shared_only(
    stores: Addresses, own_redis: Server, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Service, Service]]:
    """Two replicas that keep nothing in memory but what they heard of."""
    logs, own = tmp_path_factory.mktemp("shared"), replace(stores, redis_url=own_redis.url)
    own_redis.start()
    async with running_pair(own, logs, NO_NEAR) as pair:
        await until_redis_is_used(*pair)
        yield pair
