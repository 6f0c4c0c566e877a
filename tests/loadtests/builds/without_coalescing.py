"""A build with a fault: whoever misses loads for themselves, however many do so at once."""

from collections.abc import Awaitable, Callable

from service.commands import main
from service.storage.cache import Cache, Found
from service.storage.near_cache import Entry


async def fetch_each(self: Cache, key: str, load: Callable[[], Awaitable[Entry]]) -> Found:
    """Wait for nobody."""
    return await self._fetch(key, load)


if __name__ == "__main__":
    Cache._fetch_once = fetch_each  # type: ignore[method-assign]
    main()
