"""GET /users/me as the usual tutorials compose it: each part is the first one their reader meets.

A middleware by `BaseHTTPMiddleware`, a bearer dependency that verifies a JWT each time, a session that a dependency
yields, a user kept in Redis as JSON, a `response_model`, the instrumentator, and OpenTelemetry's contrib packages.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Annotated, Any
from uuid import UUID, uuid4

import jwt
import redis.asyncio as redis
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.security import OAuth2PasswordBearer
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import set_tracer_provider
from prometheus_fastapi_instrumentator import Instrumentator
from pydantic import BaseModel, EmailStr
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from starlette.middleware.base import BaseHTTPMiddleware

from tests.bench.peers.serving import async_url, serve

SECRET = "the-tutorials-secret-of-at-least-32-bytes"
_bearer = OAuth2PasswordBearer(tokenUrl="token")
_cache = redis.Redis.from_url(os.environ["SIGNET_REDIS_URL"])
_engine = create_async_engine(async_url(os.environ["SIGNET_DATABASE_URL"]))
_sessions = async_sessionmaker(_engine, expire_on_commit=False)


class User(BaseModel):
    """The profile that Signet answers, too."""

    id: UUID
    email: EmailStr
    email_verified: bool
    display_name: str | None
    roles: list[str]
    status: str
    created_at: datetime
    updated_at: datetime


async def session() -> AsyncIterator[AsyncSession]:
    async with _sessions() as opened:
        yield opened


def claims(token: Annotated[str, Depends(_bearer)]) -> dict[str, Any]:
    try:
        verified: dict[str, Any] = jwt.decode(token, SECRET, algorithms=["HS256"])
    except jwt.InvalidTokenError as error:
        raise HTTPException(401) from error
    return verified


async def current_user(
    given: Annotated[dict[str, Any], Depends(claims)], _session: Annotated[AsyncSession, Depends(session)]
) -> dict[str, Any]:
    cached = await _cache.get(f"tutorial:{given['sub']}")
    if cached is None:
        raise HTTPException(404)
    user: dict[str, Any] = json.loads(cached)
    return user


def active_user(user: Annotated[dict[str, Any], Depends(current_user)]) -> dict[str, Any]:
    if user["status"] != "active":
        raise HTTPException(403)
    return user


async def timed(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    """Say how long it took."""
    began = perf_counter()
    response = await call_next(request)
    response.headers["x-process-time"] = f"{perf_counter() - began:.6f}"
    return response


def tutorial_app() -> FastAPI:
    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        yield
        await _cache.aclose()
        await _engine.dispose()

    app = FastAPI(lifespan=living)
    app.add_middleware(BaseHTTPMiddleware, dispatch=timed)

    @app.get("/users/me", response_model=User)
    async def me(user: Annotated[dict[str, Any], Depends(active_user)]) -> dict[str, Any]:
        return user

    Instrumentator().instrument(app).expose(app)
    FastAPIInstrumentor.instrument_app(app)
    RedisInstrumentor().instrument()
    return app


async def people(count: int) -> list[str]:
    """Put users into Redis; gives their tokens."""
    now, tokens = datetime.now(UTC), []
    for number in range(count):
        key = str(uuid4())
        user = User(
            id=UUID(key),
            email=f"person{number}@example.com",
            email_verified=False,
            display_name="Ada Lovelace",
            roles=[],
            status="active",
            created_at=now,
            updated_at=now,
        )
        await _cache.set(f"tutorial:{key}", user.model_dump_json())
        payload = {"sub": key, "exp": now + timedelta(hours=1)}
        tokens.append(jwt.encode(payload, SECRET, "HS256"))
    await _cache.aclose()
    return tokens


def trace() -> None:
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    set_tracer_provider(provider)


if __name__ == "__main__":
    if sys.argv[1] == "people":
        print(json.dumps(asyncio.run(people(int(sys.argv[2])))))
    else:
        trace()
        serve(tutorial_app())
