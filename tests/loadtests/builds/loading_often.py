"""A build with a fault: each load from Postgres is done four times."""

from collections.abc import Awaitable, Callable
from typing import Any

from service.commands import main
from service.storage import Database
from service.users import records as users

_TIMES = 4
_read = Database.read


async def read_often(self: Database, question: Callable[..., Awaitable[Any]], *arguments: Any, **named: Any) -> Any:
    """Ask again for what was answered."""
    for _ in range(_TIMES - 1 if question is users.find else 0):
        await _read(self, question, *arguments, **named)
    return await _read(self, question, *arguments, **named)


if __name__ == "__main__":
    Database.read = read_often  # type: ignore[method-assign]
    main()
