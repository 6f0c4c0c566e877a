"""The yardstick: a bare FastAPI route with a response_model and a 17-byte answer, on the same server and flags."""

import sys

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Hello(BaseModel):
    """`{"hello":"world"}`: 17 bytes."""

    hello: str


def bare_app() -> FastAPI:
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False})

    @app.get("/")
    async def hello() -> Hello:
        return Hello(hello="world")

    return app


if __name__ == "__main__":
    uvicorn.run(
        bare_app(),
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
