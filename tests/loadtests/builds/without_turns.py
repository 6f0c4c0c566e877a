"""A build with a fault: passwords are hashed in the order they came, whoever sends most of them."""

from collections.abc import Callable

from service.commands import main
from service.security.hashing_pool import HashingPool, Result

_run = HashingPool.run


async def run_in_order(self: HashingPool, _address: str, work: Callable[[], Result]) -> Result:
    """Put everybody in one line."""
    return await _run(self, "", work)


if __name__ == "__main__":
    HashingPool.run = run_in_order  # type: ignore[assignment, method-assign]
    main()
