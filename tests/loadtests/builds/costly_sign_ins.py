"""A build with a fault: beside its hash, each sign-in costs the event loop some milliseconds more, in small pieces."""

import asyncio
from collections.abc import Callable
from time import thread_time

from service.commands import main
from service.security.hashing_pool import HashingPool, Result

_PIECES, _PIECE_SECONDS = 12, 0.0005
_run = HashingPool.run


async def run_and_waste(self: HashingPool, address: str, work: Callable[[], Result]) -> Result:
    """Hash, and then keep the event loop busy, but never for long."""
    result = await _run(self, address, work)
    for _ in range(_PIECES):
        began = thread_time()
        while thread_time() - began < _PIECE_SECONDS:
            pass
        await asyncio.sleep(0)
    return result


if __name__ == "__main__":
    HashingPool.run = run_and_waste  # type: ignore[method-assign]
    main()
