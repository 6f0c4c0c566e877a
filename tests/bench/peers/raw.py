"""The floor: an ASGI callable and nothing else."""

from starlette.types import Receive, Scope, Send

from tests.bench.peers.serving import serve

_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"17")]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the 17 bytes of the yardstick."""
    if scope["type"] == "lifespan":
        await live(receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": b'{"hello":"world"}'})


async def live(receive: Receive, send: Send) -> None:
    while (message := await receive())["type"] != "lifespan.shutdown":
        await send({"type": f"{message['type']}.complete"})
    await send({"type": "lifespan.shutdown.complete"})


if __name__ == "__main__":
    serve(app)
