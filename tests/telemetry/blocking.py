"""A build with a fault: any request to `/block` stops the event loop for as many seconds as its query says."""

import threading

from starlette.types import Receive, Scope, Send

from service.commands import main
from service.web.envelope import Envelope

_answer = Envelope.__call__


async def block(self: Envelope, scope: Scope, receive: Receive, send: Send) -> None:
    """Block, then answer as always."""
    if scope["type"] == "http" and scope["path"] == "/block":
        threading.Event().wait(float(scope["query_string"]))
    await _answer(self, scope, receive, send)


if __name__ == "__main__":
    Envelope.__call__ = block  # type: ignore[method-assign]
    main()
