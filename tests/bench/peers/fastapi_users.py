"""fastapi-users as its documentation sets it up: SQLAlchemy, bearer transport, JWT strategy; from its package."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import Depends, FastAPI
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin, schemas
from fastapi_users.authentication import AuthenticationBackend, BearerTransport, JWTStrategy
from fastapi_users.db import SQLAlchemyUserDatabase
from sqlalchemy import String
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests.bench.peers.serving import async_url, serve

SECRET = "the-peers-secret-of-at-least-32-bytes-here"
_engine = create_async_engine(async_url(os.environ["SIGNET_DATABASE_URL"]))
_sessions = async_sessionmaker(_engine, expire_on_commit=False)


class Base(DeclarativeBase):
    """The tables of this peer."""


class User(Base):
    """Its users: the columns of its mixin, whose annotations SQLAlchemy 2.1 refuses."""

    __tablename__ = "fastapi_users_user"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    email: Mapped[str] = mapped_column(String(320), unique=True, index=True)
    hashed_password: Mapped[str] = mapped_column(String(1024))
    is_active: Mapped[bool] = mapped_column(default=True)
    is_superuser: Mapped[bool] = mapped_column(default=False)
    is_verified: Mapped[bool] = mapped_column(default=False)


class UserRead(schemas.BaseUser[UUID]):
    """What it answers."""


class UserUpdate(schemas.BaseUserUpdate):
    """What it takes."""


class UserManager(UUIDIDMixin, BaseUserManager[Any, UUID]):
    """Its manager, as documented."""

    reset_password_token_secret = SECRET
    verification_token_secret = SECRET


async def session() -> AsyncIterator[AsyncSession]:
    async with _sessions() as opened:
        yield opened


async def user_db(
    opened: Annotated[AsyncSession, Depends(session)],
) -> AsyncIterator[SQLAlchemyUserDatabase[Any, UUID]]:
    yield SQLAlchemyUserDatabase(opened, User)


async def user_manager(
    found: Annotated[SQLAlchemyUserDatabase[Any, UUID], Depends(user_db)],
) -> AsyncIterator[UserManager]:
    yield UserManager(found)


def strategy() -> JWTStrategy[Any, UUID]:
    return JWTStrategy(secret=SECRET, lifetime_seconds=3600)


backend = AuthenticationBackend(name="jwt", transport=BearerTransport(tokenUrl="auth/jwt/login"), get_strategy=strategy)
users = FastAPIUsers[Any, UUID](user_manager, [backend])


def users_app() -> FastAPI:
    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        yield
        await _engine.dispose()

    app = FastAPI(lifespan=living)
    app.include_router(users.get_auth_router(backend), prefix="/auth/jwt")
    app.include_router(users.get_users_router(UserRead, UserUpdate), prefix="/users")
    return app


async def people(count: int) -> list[str]:
    """Make its table and users; gives their tokens."""
    async with _engine.begin() as connection:
        await connection.run_sync(Base.metadata.drop_all)
        await connection.run_sync(Base.metadata.create_all)
    async with _sessions() as opened:
        made = [User(email=f"person{number}@example.com", hashed_password="-") for number in range(count)]
        opened.add_all(made)
        await opened.commit()
        tokens = [await strategy().write_token(user) for user in made]
    await _engine.dispose()
    return tokens


if __name__ == "__main__":
    if sys.argv[1] == "people":
        print(json.dumps(asyncio.run(people(int(sys.argv[2])))))
    else:
        serve(users_app())
