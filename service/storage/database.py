"""Postgres: connections handed out in turn, single statements that commit themselves, transactions one can see."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from time import monotonic
from typing import Concatenate, ParamSpec, TypeVar, cast

import asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from service.settings import Settings
from service.storage.connecting import Trust, connect, pooler_options
from service.storage.direct import ConnectionDied, Lending
from service.storage.failing import DatabaseBusy, DatabaseReadOnly, failure_kind, translated
from service.storage.observing import Observer
from service.telemetry import facts
from service.telemetry.store_metrics import DatabaseMetrics

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


class Database:
    """One pool of connections; a first-in-first-out semaphore of its size stands in front.

    SQLAlchemy's own queue lets newcomers barge in: with it the p99 of a full pool is 2.4 times as long (measured).
    """

    def __init__(self, settings: Settings, metrics: DatabaseMetrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._trust = Trust()
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
        with self._doubting(), translated(self._metrics.errors):
            async with self._in_time(), self._place():
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
        with self._doubting(), translated(self._metrics.errors):
            async with self._in_time(), self._place():
                return await self._ask(work, *arguments, **named)

    async def read(
        self,
        question: Callable[Concatenate[AsyncConnection, Arguments], Awaitable[Answer]],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Answer:
        """Ask one question outside any transaction; on a connection that turns out dead, ask once more."""
        with translated(self._metrics.errors):
            async with self._in_time(), self._place():
                try:
                    return await self._ask(question, *arguments, **named)
                except ConnectionDied as error:
                    self._metrics.errors.labels(failure_kind(error)).inc()
                    return await self._ask(question, *arguments, **named)

    @asynccontextmanager
    async def apart(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection outside the pool that commits each statement: for the poll of changes."""
        with translated(self._metrics.errors):
            driver = await connect(self._settings)
            try:
                # As in `_ask`.
                yield cast("AsyncConnection", self._lending.over(driver))
            finally:
                await driver.close()

    async def close(self) -> None:
        self._lending.close()
        await self._engine.dispose()

    async def _ask(
        self,
        question: Callable[Concatenate[AsyncConnection, Arguments], Awaitable[Answer]],
        *arguments: Arguments.args,
        **named: Arguments.kwargs,
    ) -> Answer:
        async with self._lending.borrowed() as direct:
            # It answers alike whatever is asked outside a transaction, and is of no use within one.
            return await question(cast("AsyncConnection", direct), *arguments, **named)

    @contextmanager
    def _doubting(self) -> Iterator[None]:
        """Doubt every connection of a server that can't write: the next ones may reach another."""
        try:
            yield
        except DatabaseReadOnly:
            # A standby, or a primary that was demoted.
            self._trust.doubt()
            raise

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        """One deadline for all that a request asks of Postgres and waits for: who waited is refused in time too."""
        gathered, began = facts.current(), monotonic()
        try:
            async with asyncio.timeout(self._deadline_seconds - gathered.database_seconds):
                yield
        finally:
            gathered.database_seconds += monotonic() - began

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        if self._places.locked():
            await self._wait_for_place()
        else:
            await self._places.acquire()
            self._metrics.pool_wait.observe(0)
        self.in_use += 1
        try:
            yield
        finally:
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
