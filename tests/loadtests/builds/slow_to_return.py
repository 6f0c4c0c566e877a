"""A build with a fault: after a connection that could not be opened, none is tried for a long time."""

from time import monotonic

import asyncpg

from service.commands import main
from service.storage.database import Database

_SECONDS = 8.0
_connect = Database._connect
_failures: list[float] = []


async def connect_or_wait(self: Database, *given: object, **named: object) -> asyncpg.Connection:
    """Connect, unless it failed not long ago."""
    if _failures and monotonic() < _failures[-1] + _SECONDS:
        raise ConnectionRefusedError
    try:
        return await _connect(self, *given, **named)
    except Exception:
        _failures.append(monotonic())
        raise


if __name__ == "__main__":
    Database._connect = connect_or_wait  # type: ignore[method-assign]
    main()
