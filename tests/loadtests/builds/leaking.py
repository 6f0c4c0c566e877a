"""A build with a fault: something stays behind of requests: `memory` or `tasks` of each, or now and then a `place`."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from starlette.types import Receive, Scope, Send

from service.commands import main
from service.storage.database import Database
from service.web.envelope import Envelope

_BYTES, _ONE_IN = 40_000, 50
_answer, _turn = Envelope.__call__, Database._turn
_come = count(1)
_left: list[Any] = []


async def leave_memory(self: Envelope, scope: Scope, receive: Receive, send: Send) -> None:
    """Remember every request for ever."""
    _left.append(b"\1" * _BYTES)
    await _answer(self, scope, receive, send)


async def leave_tasks(self: Envelope, scope: Scope, receive: Receive, send: Send) -> None:
    """Start what never ends."""
    if not next(_come) % _ONE_IN:
        _left.append(asyncio.create_task(asyncio.Event().wait()))
    await _answer(self, scope, receive, send)


@asynccontextmanager
async def leave_place(self: Database) -> AsyncIterator[None]:
    """Borrow one connection for nothing and never give it back."""
    if next(_come) == _ONE_IN:
        await self._take_place()
    async with _turn(self):
        yield


def install(what: str) -> None:
    if what == "place":
        Database._turn = leave_place  # type: ignore[method-assign]
    else:
        Envelope.__call__ = {"memory": leave_memory, "tasks": leave_tasks}[what]  # type: ignore[method-assign]


if __name__ == "__main__":
    install(os.environ["FAULT"])
    main()
