"""A build with a fault: after the start it never polls changes; only Redis tells of them."""

import asyncio

from service.changes.following import Following
from service.commands import main


async def never(self: Following, *_: object) -> None:  # noqa: ARG001 - it stands in for a method
    """Wait until cancelled."""
    await asyncio.Event().wait()


if __name__ == "__main__":
    Following.poll_for_ever = never  # type: ignore[assignment]
    main()
