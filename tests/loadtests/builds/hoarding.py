"""A build with a fault: it opens two connections more than it is allowed, and keeps them for nothing."""

from datetime import timedelta
from typing import Any

from service.changes.following import Following
from service.commands import main

_load = Following.load
_hoard: list[Any] = []


async def load_and_hoard(self: Following, kept: timedelta) -> None:
    """Start as always, with two connections more."""
    await _load(self, kept)
    for _ in range(2):
        more = self._database.apart()
        _hoard.append((more, await more.__aenter__()))


if __name__ == "__main__":
    Following.load = load_and_hoard  # type: ignore[method-assign]
    main()
