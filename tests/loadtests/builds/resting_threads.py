"""A build with a fault: a thread rests after each hash, however many wait."""

import asyncio

from service.commands import main
from service.security.hashing_pool import HashingPool

_REST_SECONDS = 0.01
_call_next = HashingPool._call_next


def call_next_later(self: HashingPool) -> None:
    """Call the next one after a rest."""
    asyncio.get_running_loop().call_later(_REST_SECONDS, _call_next, self)


if __name__ == "__main__":
    HashingPool._call_next = call_next_later  # type: ignore[method-assign]
    main()
