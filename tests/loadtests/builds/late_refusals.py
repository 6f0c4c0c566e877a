"""A build with a fault: whoever is told to come again later is told so late."""

import asyncio
import os

from starlette.types import Message, Receive, Scope, Send

from service.commands import main
from service.web.envelope import Envelope

_UNAVAILABLE = 503
_answer = Envelope.__call__


async def answer(self: Envelope, scope: Scope, receive: Receive, send: Send) -> None:
    """Send each 503 so many seconds later as FAULT says."""

    async def send_late(message: Message) -> None:
        if message.get("status") == _UNAVAILABLE:
            await asyncio.sleep(float(os.environ["FAULT"]))
        await send(message)

    await _answer(self, scope, receive, send_late)


if __name__ == "__main__":
    Envelope.__call__ = answer  # type: ignore[method-assign]
    main()
