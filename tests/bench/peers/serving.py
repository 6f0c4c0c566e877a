"""The server and its flags: the same for every peer, and those of the service."""

import sys

import uvicorn
from starlette.types import ASGIApp


def serve(app: ASGIApp) -> None:
    """Serve on the port of the command line."""
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        lifespan="on",
        proxy_headers=False,
        access_log=False,
        server_header=False,
        log_level="warning",
    )


def async_url(url: str) -> str:
    """Name the driver that SQLAlchemy is to use."""
    return "postgresql+asyncpg" + url[url.index("://") :]
