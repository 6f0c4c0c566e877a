"""A build with a fault: nobody is answered while a password is hashed; after each there is a pause for the others.

Without the pause nothing else would run at all, and every gate would fail rather than the one that watches this.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from service.commands import main
from service.security.hashing_pool import HashingPool, Result

_PAUSE_SECONDS = 0.03
_THREAD = ThreadPoolExecutor(1)


async def run_here(self: HashingPool, address: str, work: Callable[[], Result]) -> Result:
    """Wait for one's turn, then keep everybody waiting: the event loop stands until the thread is done."""
    await self._take_turn(address)
    try:
        with self._metrics.duration.time():
            result = _THREAD.submit(work).result()
            await asyncio.sleep(_PAUSE_SECONDS)
            return result
    finally:
        self._call_next()


if __name__ == "__main__":
    HashingPool.run = run_here  # type: ignore[method-assign]
    main()
