"""Parts of the service built in the test's own process, on the test's real stores."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import redis.asyncio as redis
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from service.settings import Settings
from service.storage import Redis
from service.telemetry.store_metrics import RedisMetrics
from tests.kit.environment import SECRET, Addresses


def settings_of(stores: Addresses, **changed: object) -> Settings:
    """Give settings that a busy machine does not break."""
    given = {
        "mode": "development",
        "public_url": "https://id.example.test",
        "database_url": stores.database_url,
        "redis_url": stores.redis_url,
        "redis_timeout": "5s",
        "secret_keys": [SecretStr(SECRET)],
    }
    return Settings.model_validate({**given, **changed})


def commands_of(client: Redis) -> redis.Redis:
    """Give all of the library's commands, over the connections of the service's client."""
    return redis.Redis.from_pool(client._pool)


@asynccontextmanager
async def redis_of(settings: Settings) -> AsyncIterator[Redis]:
    """Open the service's own client of Redis."""
    client = Redis(settings, RedisMetrics(CollectorRegistry()))
    try:
        yield client
    finally:
        await client.close()
