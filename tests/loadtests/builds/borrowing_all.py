"""A build with a fault: once, while nothing presses, something of its own takes all connections for a while."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

from service.commands import main
from service.sessions import records as sessions
from service.storage import Database

# Which list of sessions is one of the baseline, and no longer of the warm-up.
_AT, _SECONDS = 400, 0.6
_read = Database.read
_come = count(1)
_borrowing: set[asyncio.Task[None]] = set()


async def borrow_all(database: Database) -> None:
    """Take every place, and give all of them back."""
    for _ in range(database.size):
        await database._places.acquire()
    await asyncio.sleep(_SECONDS)
    for _ in range(database.size):
        database._places.release()


async def read_or_wait(self: Database, question: Callable[..., Awaitable[Any]], *arguments: Any, **named: Any) -> Any:
    """Read, behind whoever borrows."""
    if question is sessions.page and next(_come) == _AT:
        _borrowing.add(asyncio.create_task(borrow_all(self)))
    return await _read(self, question, *arguments, **named)


if __name__ == "__main__":
    Database.read = read_or_wait  # type: ignore[method-assign]
    main()
