"""A build with a fault: connections are given back late, and whoever has waited in vain for one waits again.

Nobody is refused, so that of the pool's own count the gate of it alone can tell.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.commands import main
from service.storage.database import Database
from service.storage.failing import DatabaseBusy

_KEPT_SECONDS = 0.005
_turn, _wait = Database._turn, Database._wait_for_place


async def wait_again(self: Database) -> None:
    """Wait, in vain or not, until there is a place."""
    while True:
        try:
            return await _wait(self)
        except DatabaseBusy:
            continue


@asynccontextmanager
async def keep_place(self: Database) -> AsyncIterator[None]:
    """Give the place back some milliseconds after it was needed."""
    async with _turn(self):
        yield
        await asyncio.sleep(_KEPT_SECONDS)


if __name__ == "__main__":
    Database._wait_for_place = wait_again  # type: ignore[method-assign]
    Database._turn = keep_place  # type: ignore[method-assign]
    main()
