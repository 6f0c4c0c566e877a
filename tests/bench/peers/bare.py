"""The yardstick: a bare FastAPI route with a response_model and a 17-byte answer, on the same server and flags."""

from fastapi import FastAPI
from pydantic import BaseModel

from tests.bench.peers.serving import serve


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
    serve(bare_app())
