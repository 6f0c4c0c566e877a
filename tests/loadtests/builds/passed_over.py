"""A build with a fault: whoever wants a transaction waits for a connection half a second longer than anybody may."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from service.commands import main
from service.storage.database import Database

_SECONDS = 0.52
_begin = Database.begin


@asynccontextmanager
async def begin_late(self: Database) -> AsyncIterator[AsyncConnection]:
    """Let others go first."""
    with self._metrics.pool_wait.time():
        await asyncio.sleep(_SECONDS)
    async with _begin(self) as connection:
        yield connection


if __name__ == "__main__":
    Database.begin = begin_late  # type: ignore[method-assign]
    main()
