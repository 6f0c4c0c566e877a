"""Postgres: connections handed out in turn, single statements that commit themselves, transactions one can see."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Concatenate

import asyncpg
import orjson
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from service.settings import Settings
from service.storage.connecting import Trust, connect, pooler_options
from service.storage.direct import Answer, Arguments, ConnectionDied, Lending
from service.storage.failing import DatabaseBusy, DatabaseReadOnly, Translating, failure_kind
from service.storage.observing import Observer
from service.telemetry import facts
from service.telemetry.store_metrics import DatabaseMetrics


class Database:
    """One pool of connections; a first-in-first-out semaphore of its size stands in front.

    SQLAlchemy's own queue lets newcomers barge in: with it the p99 of a full pool is 2.4 times as long (measured).
    """

    def __init__(self, settings: Settings, metrics: DatabaseMetrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._trust = Trust()
        self._translating = Translating(metrics.errors)
        self._observer = Observer(metrics, settings.slow_query)
        self._engine = self._new_engine()
        is_pooled_outside = settings.database_pooler == "transaction"
        self._lending = Lending(self._engine, self._trust, self._observer, is_pooled_outside=is_pooled_outside)
        self._places = asyncio.Semaphore(settings.database_pool)
        self.size, self.in_use, self.waiting = settings.database_pool, 0, 0
        self._wait_seconds = settings.database_wait.total_seconds()
        self._deadline_seconds = settings.database_timeout.total_seconds()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: commits when the block ends, rolls back when it raises."""
        async with self._turn():
            self._lending.make_room()
            async with self._engine.begin() as connection:
                yield connection

    async def write(
        self,
        work: Callable[Concatenate[AsyncConnection, Arguments], Awaitable[Answer]],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Answer:
        """Run work whose statements are transactions by themselves: BEGIN and COMMIT are two journeys more."""
        async with self._turn():
            return await self._lending.ask(work, *arguments, **named)

    async def read(
        self,
        question: Callable[Concatenate[AsyncConnection, Arguments], Awaitable[Answer]],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Answer:
        """Ask one question outside any transaction; on a connection that turns out dead, ask once more."""
        async with self._turn():
            try:
                return await self._lending.ask(question, *arguments, **named)
            except ConnectionDied as error:
                self._metrics.errors.labels(failure_kind(error)).inc()
                return await self._lending.ask(question, *arguments, **named)

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection outside the pool that commits each statement: for the poll of changes."""
        with self._translating:
            driver = await connect(self._settings)
            try:
                yield self._lending.over(driver)
            finally:
                await driver.close()

    async def close(self) -> None:
        self._lending.close()
        await self._engine.dispose()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait for a place in front of the pool; there is one deadline for all that a request asks and waits for.

        Who waited is refused in time too. One block does what five did: between two hashes each of them is cold.
        """
        gathered, began = facts.current(), monotonic()
        try:
            with self._translating:
                async with asyncio.timeout(self._deadline_seconds - gathered.database_seconds):
                    await self._take_place()
                    try:
                        yield
                    finally:
                        self._leave_place()
        except DatabaseReadOnly:
            # A standby, or a primary that was demoted. The next connections may reach another server.
            self._trust.doubt()
            raise
        finally:
            gathered.database_seconds += monotonic() - began

    async def _take_place(self) -> None:
        if self._places.locked():
            await self._wait_for_place()
        else:
            await self._places.acquire()
            self._metrics.pool_wait.observe(0)
        self.in_use += 1

    def _leave_place(self) -> None:
        self.in_use -= 1
        self._places.release()

    async def _wait_for_place(self) -> None:
        self.waiting += 1
        try:
            with self._metrics.pool_wait.time():
                async with asyncio.timeout(self._wait_seconds):
                    await self._places.acquire()
        except TimeoutError:
            self._metrics.pool_timeouts.inc()
            raise DatabaseBusy from None
        finally:
            self.waiting -= 1

    def _new_engine(self) -> AsyncEngine:
        engine = create_async_engine(
            "postgresql+asyncpg://",
            connect_args={"async_creator_fn": self._connect, **pooler_options(self._settings)},
            isolation_level="READ COMMITTED",
            json_serializer=_json,
            # A driver's message must not carry an address or a hash into a log.
            hide_parameters=True,
            poolclass=AsyncAdaptedQueuePool,
            pool_size=self._settings.database_pool,
            max_overflow=0,
            pool_timeout=1,
        )
        self._trust.watch(engine)
        self._observer.watch(engine)
        return engine

    async def _connect(self, *_: object, **__: object) -> asyncpg.Connection:
        return await connect(self._settings)


def _json(value: object) -> str:
    """Write a value for a JSON column; the standard library's own way makes an encoder each time."""
    return orjson.dumps(value).decode()
