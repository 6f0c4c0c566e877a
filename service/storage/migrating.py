"""Bringing the schema up to date: waits for Postgres, lets one migrate at a time, does nothing fast."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import TypeVar

import asyncpg
from alembic import command
from alembic.config import Config
from asyncpg.exceptions import PostgresError
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from service.settings import Settings
from service.storage import schema
from service.storage.statements import statement

Answer = TypeVar("Answer")
logger = logging.getLogger(__name__)

_LOCK = 0x5167_6E65_7400_0001
_LOCK_TIMEOUT_MS = 4000
_PAUSE_SECONDS = 0.5

# After a dump was restored into another cluster the stored ids are ahead of the cluster's, and no poll would see them.
FORGET_FOREIGN_CHANGES = statement(
    "migrate.forget_foreign_changes",
    text("DELETE FROM changes WHERE txid >= pg_snapshot_xmax(pg_current_snapshot())"),
)


class PostgresNotReached(Exception):  # noqa: N818 - it says what is the matter
    """Postgres did not answer within the time it was given."""


class SchemaTooNew(Exception):  # noqa: N818
    """A newer build has moved the schema past what this build can run on."""


async def migrate(settings: Settings, patience: timedelta) -> str:
    """Bring the schema to this build's level; says in a sentence what was done."""
    await _wait_for_postgres(settings, patience)
    engine = create_async_engine(
        "postgresql+asyncpg://",
        poolclass=NullPool,
        connect_args={"async_creator_fn": lambda *_, **__: _connect(settings)},
    )
    # The common case takes no lock: a hundred pods may ask at once.
    if await _ask(engine, schema.find_fault) is None:
        return await _settle(engine, "nothing to do")
    async with _alone(settings):
        fault = await _ask(engine, schema.find_fault)
        if fault is None:
            return await _settle(engine, "another process migrated meanwhile")
        if await _ask(engine, schema.is_too_new):
            raise SchemaTooNew(fault)
        async with engine.connect() as connection:
            await connection.run_sync(_upgrade)
            await connection.commit()
    return await _settle(engine, f"migrated to level {schema.NEEDED_LEVEL}")


@asynccontextmanager
async def _alone(settings: Settings) -> AsyncIterator[None]:
    """Hold the migration lock on a connection of its own; it goes with the connection, however this process ends.

    It is asked for again and again rather than waited for: a waiting statement has a snapshot, and an index that is
    built concurrently by the holder of the lock would wait for that snapshot for ever.
    """
    connection = await _connect(settings)
    try:
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
            logger.info("another process migrates; waiting")
            await asyncio.sleep(_PAUSE_SECONDS)
        yield
    finally:
        await connection.close()


async def _ask(engine: AsyncEngine, question: Callable[[AsyncConnection], Awaitable[Answer]]) -> Answer:
    async with engine.connect() as connection:
        return await question(connection)


async def _settle(engine: AsyncEngine, done: str) -> str:
    async with engine.begin() as connection:
        forgotten = await connection.execute(FORGET_FOREIGN_CHANGES)
    return f"{done}; {forgotten.rowcount} changes of another cluster forgotten" if forgotten.rowcount else done


def _upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def _wait_for_postgres(settings: Settings, patience: timedelta) -> None:
    deadline = monotonic() + patience.total_seconds()
    while True:
        try:
            await (await _connect(settings)).close()
        except (OSError, TimeoutError, PostgresError) as error:
            if monotonic() > deadline:
                raise PostgresNotReached(type(error).__name__) from error
            logger.info("waiting for Postgres", extra={"reason": type(error).__name__})
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            return


async def _connect(settings: Settings) -> asyncpg.Connection:
    connection: asyncpg.Connection = await asyncpg.connect(
        settings.direct_dsn(),
        timeout=settings.database_connect_timeout.total_seconds(),
        server_settings={"application_name": "signet migrate", "lock_timeout": str(_LOCK_TIMEOUT_MS)},
    )
    return connection
