"""Races: how far one side has run when the other starts, and who waits for whom inside Postgres."""

import asyncio
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any

import asyncpg

from tests.kit.waiting import eventually

_WAITING = """
    SELECT count(*) >= $2 FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock' AND position($1 IN query) > 0
"""


async def answered(asked: Iterable[asyncio.Future[Any]], count: int) -> None:
    """Wait until this many have their answer: the other side of a race starts at another point each round."""
    everybody = frozenset(asked)
    waiting: set[asyncio.Future[Any]] = set(everybody)
    while len(everybody) - len(waiting) < count:
        _, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)


class Onlooker:
    """Looks at Postgres from a connection of its own while others wait in it."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def sees_waiting(self, words: str, count: int) -> bool:
        """Tell whether so many statements with these words wait for a lock."""
        return bool(await self._connection.fetchval(_WAITING, words, count))

    async def until_waiting(self, words: str = "", count: int = 1) -> None:
        await eventually(self.sees_waiting, words, count, within=5.0)


def transaction(connection: asyncpg.Connection) -> AbstractAsyncContextManager[object]:
    """A transaction held open by the test, in the place of another replica that is slow."""
    opened: AbstractAsyncContextManager[object] = connection.transaction()
    return opened
