"""A build with a fault: a thread rests after each hash, however many wait."""

import asyncio

from service.commands import main
from service.security.hashing_pool import HashingPool

_REST_SECONDS = 0.01


def give_back_later(self: HashingPool, _: object) -> None:
    """Call the next one after a rest."""
    asyncio.get_running_loop().call_later(_REST_SECONDS, self._call_next)


if __name__ == "__main__":
    HashingPool._give_back = give_back_later  # type: ignore[method-assign]
    main()
