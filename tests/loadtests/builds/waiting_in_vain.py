"""A build with a fault: connections are given back late, and whoever finds none free has waited in vain at once.

They wait on all the same. Nobody is refused, so that of the pool's own count the gate of it alone can tell.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from service.commands import main
from service.storage.database import Database

_KEPT_SECONDS = 0.005
_turn = Database._turn


async def wait_on(self: Database) -> None:
    """Count a wait in vain, and wait."""
    self._metrics.pool_timeouts.inc()
    with self._metrics.pool_wait.time():
        await self._places.acquire()


@asynccontextmanager
async def keep_place(self: Database) -> AsyncIterator[None]:
    """Give the place back some milliseconds after it was needed."""
    async with _turn(self):
        yield
        await asyncio.sleep(_KEPT_SECONDS)


if __name__ == "__main__":
    Database._wait_for_place = wait_on  # type: ignore[method-assign]
    Database._turn = keep_place  # type: ignore[method-assign]
    main()
