"""A build with a fault: after a connection that could not be opened, none is tried for a long time."""

from time import monotonic

import asyncpg

from service.commands import main
from service.settings import Settings
from service.storage import database

_SECONDS = 8.0
_connect = database.connect
_failures: list[float] = []


async def connect_or_wait(settings: Settings) -> asyncpg.Connection:
    """Connect, unless it failed not long ago."""
    if _failures and monotonic() < _failures[-1] + _SECONDS:
        raise ConnectionRefusedError
    try:
        return await _connect(settings)
    except Exception:
        _failures.append(monotonic())
        raise


if __name__ == "__main__":
    database.connect = connect_or_wait
    main()
