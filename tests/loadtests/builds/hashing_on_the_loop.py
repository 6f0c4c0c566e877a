"""A build with a fault: passwords are hashed where requests are answered."""

from collections.abc import Callable

from service.commands import main
from service.security.hashing_pool import HashingPool, Result


async def run_here(self: HashingPool, address: str, work: Callable[[], Result]) -> Result:
    """Wait for one's turn, then keep everybody waiting."""
    await self._take_turn(address)
    try:
        with self._metrics.duration.time():
            return work()
    finally:
        self._call_next()


if __name__ == "__main__":
    HashingPool.run = run_here  # type: ignore[method-assign]
    main()
