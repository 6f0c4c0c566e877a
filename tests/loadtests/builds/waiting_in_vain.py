"""A build with a fault: whoever finds no connection free has waited in vain at once, and waits on all the same.

Nobody is refused, so that of the pool's own count the gate of it alone can tell.
"""

from service.commands import main
from service.storage.database import Database


async def wait_on(self: Database) -> None:
    """Count a wait in vain, and wait."""
    self._metrics.pool_timeouts.inc()
    with self._metrics.pool_wait.time():
        await self._places.acquire()


if __name__ == "__main__":
    Database._wait_for_place = wait_on  # type: ignore[method-assign]
    main()
