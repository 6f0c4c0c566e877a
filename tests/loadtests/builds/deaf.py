"""A build with a fault: it never hears what Redis tells; the poll alone goes on."""

import asyncio

from service.changes.following import Following
from service.commands import main


async def never(self: Following) -> None:  # noqa: ARG001 - it stands in for a method
    """Wait until cancelled."""
    await asyncio.Event().wait()


if __name__ == "__main__":
    Following.listen_for_ever = never  # type: ignore[method-assign]
    main()
