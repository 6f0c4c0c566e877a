"""A build with a fault: whoever would be the ninth to wait for a connection is refused at once."""

from service.commands import main
from service.storage.database import Database
from service.storage.failing import DatabaseBusy

_MOST_WAITING = 8
_wait = Database._wait_for_place


async def wait_or_refuse(self: Database) -> None:
    """Wait only in a short line."""
    if self.waiting >= _MOST_WAITING:
        raise DatabaseBusy
    await _wait(self)


if __name__ == "__main__":
    Database._wait_for_place = wait_or_refuse  # type: ignore[method-assign]
    main()
