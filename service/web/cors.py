"""CORS for every route but forward-auth: there a preflight is another service's, and needs a token like any request."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Message, Receive, Scope, Send

_FORWARD_AUTH = "/v1/verify"
# What stands on every answer where some origins are let in: a cache must not give one's answer to another.
VARY = (b"vary", b"origin")


class Cors(CORSMiddleware):
    """Starlette's middleware, passed by on the way to `/v1/verify`: its 200 would let a gateway's request through.

    It says `Vary: Origin` only to those who sent an Origin; caches between us and a browser need it of all others.
    """

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_varied(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).add_vary_header("Origin")
            await send(message)

        if scope["type"] == "http" and scope["path"].startswith(_FORWARD_AUTH):
            await self.app(scope, receive, send)
        elif scope["type"] == "http" and "origin" not in Headers(scope=scope):
            await super().__call__(scope, receive, send_varied)
        else:
            await super().__call__(scope, receive, send)
