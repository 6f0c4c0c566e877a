"""A build with a fault: one in a hundred who wait for a connection is passed over for half a second."""

import asyncio
from itertools import count

from service.commands import main
from service.storage.database import Database

_ONE_IN, _SECONDS = 100, 0.52
_wait = Database._wait_for_place
_come = count(1)


async def wait_or_be_passed_over(self: Database) -> None:
    """Wait for one's turn, or for half a second and then for one's turn."""
    if next(_come) % _ONE_IN:
        await _wait(self)
        return
    with self._metrics.pool_wait.time():
        await asyncio.sleep(_SECONDS)
        await self._places.acquire()


if __name__ == "__main__":
    Database._wait_for_place = wait_or_be_passed_over  # type: ignore[method-assign]
    main()
