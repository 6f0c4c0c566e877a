"""The simplest clients of both stores, and waiting, for the tests of this folder."""

import asyncio
from collections.abc import Callable
from contextlib import closing

import asyncpg
import redis

from local.patience import Patience


def ask(url: str, statement: str, *, within: float = 5) -> object:
    """Fetch one answer of PostgreSQL, on a connection of its own."""

    async def answer() -> object:
        connection = await asyncpg.connect(url, timeout=within, command_timeout=within)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close(timeout=within)

    return asyncio.run(answer())


def ask_valkey(url: str, *words: str, within: float = 5) -> object:
    """Fetch one answer of Valkey, on a connection of its own."""
    with closing(redis.Redis.from_url(url, decode_responses=True, socket_timeout=within, retry=None)) as client:
        return client.execute_command(*words)


def eventually(condition: Callable[[], bool], *, within: float) -> None:
    assert Patience().until(condition, within=within), f"not within {within} s"
