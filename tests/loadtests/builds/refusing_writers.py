"""A build with a fault: while anybody waits for a connection, whoever wants a transaction is refused."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from service.commands import main
from service.storage.database import Database
from service.storage.failing import DatabaseBusy

_begin = Database.begin


@asynccontextmanager
async def begin_or_refuse(self: Database) -> AsyncIterator[AsyncConnection]:
    """Let those wait who only read."""
    if self.waiting:
        raise DatabaseBusy
    async with _begin(self) as connection:
        yield connection


if __name__ == "__main__":
    Database.begin = begin_or_refuse  # type: ignore[method-assign]
    main()
