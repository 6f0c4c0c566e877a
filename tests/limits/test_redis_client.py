"""The client of Redis under a crowd: many at once is no outage."""

import asyncio
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis.asyncio as redis

from local.server import Server
from service.storage import RedisAway
from tests.kit.environment import Addresses
from tests.kit.parts import commands_of, redis_of, settings_of

CROWD = 300


async def test_a_crowd_waits_for_a_connection_and_is_counted_to_the_last(stores: Addresses) -> None:
    async with redis_of(settings_of(stores)) as client:
        waits = await asyncio.gather(*(client.take(("crowd", 3_600_000.0, CROWD - 1)) for _ in range(CROWD)))

    assert sum(counted == 1 for counted, _ in waits) == CROWD - 1


async def test_a_server_that_has_forgotten_a_script_is_given_it_again(stores: Addresses) -> None:
    async with redis_of(settings_of(stores)) as client:
        counted = []
        for _ in range(2):
            counted.append(await client.take(("forgotten", 3_600_000.0, 2)))
            await commands_of(client).script_flush()

    assert counted == [(1, 0.0)] * 2


async def test_connections_that_died_with_redis_cost_nobody_an_answer(stores: Addresses, own_redis: Server) -> None:
    own_redis.start()
    async with redis_of(settings_of(replace(stores, redis_url=own_redis.url))) as client:
        await asyncio.gather(*(client.get("any") for _ in range(CROWD)))
        await asyncio.to_thread(own_redis.kill)
        await asyncio.to_thread(own_redis.start)

        assert await asyncio.gather(*(client.get("any") for _ in range(CROWD))) == [None] * CROWD


async def test_a_rotated_password_is_used_at_the_next_connection(
    stores: Addresses, own_redis: Server, tmp_path: Path
) -> None:
    own_redis.start()
    former, new, file = urlsplit(own_redis.url).password, "a new one", tmp_path / "redis-url"
    file.write_text(own_redis.url)
    try:
        async with redis_of(settings_of(stores, redis_url=own_redis.url, redis_url_file=file)) as client:
            await client.ping()
            async with redis.Redis.from_url(own_redis.url) as operator:
                await operator.config_set("requirepass", new)
                await operator.client_kill_filter(_type="normal")
            with pytest.raises(RedisAway):
                await client.ping()

            file.write_text(own_redis.url.replace(str(former), new.replace(" ", "%20")))
            await client.ping()
    finally:
        own_redis.kill()
