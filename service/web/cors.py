"""CORS for every route but forward-auth: there a preflight is another service's, and needs a token like any request."""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

_FORWARD_AUTH = "/v1/verify"


class Cors(CORSMiddleware):
    """Starlette's middleware, passed by on the way to `/v1/verify`: its 200 would let a gateway's request through."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(_FORWARD_AUTH):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
