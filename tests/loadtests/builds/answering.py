"""A build with a fault: of one kind of request, some are answered late, or not as they should be.

FAULT is JSON. `asked` is a method and a path, `sender` the address of a client, any if there is none but `spared`; each
such request of a process whose number is a multiple of `every` is concerned, from `after` to `until`; it waits for
`delay` seconds, and gets `status` instead of its answer unless that is 0.
"""

import asyncio
import json
import os
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.commands import main
from service.web.envelope import Envelope

_answer = Envelope.__call__


@dataclass
class Fault:
    """What is wrong, and how many such requests have come."""

    asked: str
    sender: str = ""
    spared: str = ""
    after: int = 0
    until: int = 10**9
    every: int = 1
    delay: float = 0.0
    status: int = 0
    come: int = 0

    def concerns(self, scope: Scope) -> bool:
        if scope["type"] != "http" or f"{scope['method']} {scope['path']}" != self.asked:
            return False
        said = [value for _, value in scope["headers"]]
        if (self.sender and self.sender.encode() not in said) or (self.spared and self.spared.encode() in said):
            return False
        self.come += 1
        return self.after < self.come <= self.until and self.come % self.every == 0


def install(fault: Fault) -> None:
    async def answer(self: Envelope, scope: Scope, receive: Receive, send: Send) -> None:
        if not fault.concerns(scope):
            await _answer(self, scope, receive, send)
            return
        await asyncio.sleep(fault.delay)
        if fault.status:
            await Response(status_code=fault.status, headers={"Retry-After": "1"})(scope, receive, send)
        else:
            await _answer(self, scope, receive, send)

    Envelope.__call__ = answer  # type: ignore[method-assign]


if __name__ == "__main__":
    install(Fault(**json.loads(os.environ["FAULT"])))
    main()
