"""A build with a fault: some seconds after somebody waited in vain for a connection, nobody is given one any more."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

from service.commands import main
from service.storage.database import Database
from service.storage.failing import DatabaseBusy

_turn = Database._turn
_began: list[float] = []


@asynccontextmanager
async def turn(self: Database) -> AsyncIterator[None]:
    """Give a place until FAULT seconds have gone by since the first that could not be given."""
    if _began and monotonic() > _began[0] + float(os.environ["FAULT"]):
        raise DatabaseBusy
    try:
        async with _turn(self):
            yield
    except DatabaseBusy:
        _began.append(monotonic())
        raise


if __name__ == "__main__":
    Database._turn = turn  # type: ignore[method-assign]
    main()
