"""A build with a fault: nobody is told when to come again."""

from starlette.types import Message, Receive, Scope, Send

from service.commands import main
from service.web.envelope import Envelope

_answer = Envelope.__call__


async def answer(self: Envelope, scope: Scope, receive: Receive, send: Send) -> None:
    """Leave Retry-After out of every answer."""

    async def send_without(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [header for header in message["headers"] if header[0].lower() != b"retry-after"]
            message = {**message, "headers": kept}
        await send(message)

    await _answer(self, scope, receive, send_without)


if __name__ == "__main__":
    Envelope.__call__ = answer  # type: ignore[method-assign]
    main()
