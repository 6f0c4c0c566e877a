"""The simplest clients of both stores, waiting, and cleaning up, for the tests of this folder."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

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


@contextmanager
def tidied(folder: Path) -> Iterator[Path]:
    """Use a data folder for a block; for root without user namespaces PostgreSQL's data lie outside and go too."""
    yield folder
    data = folder / "postgres"
    if data.is_symlink():
        shutil.rmtree(data.readlink().parent, ignore_errors=True)
