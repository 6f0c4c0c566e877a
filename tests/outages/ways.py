"""The ways in which a store can be away. Each is a block: the store is away inside it and back after it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import asyncpg
import pytest
import redis.asyncio as redis

from local.faults import FaultProxy
from local.server import Server
from local.stores import Stores
from tests.kit.services import free_ports
from tests.kit.waiting import eventually

SLOW_REDIS_SECONDS, SLOW_POSTGRES_SECONDS = 0.2, 0.3
_READY_SECONDS = 10.0


@dataclass
class Store:
    """A server of our own and the network in front of it."""

    server: Server
    stores: Stores
    proxy: FaultProxy = field(init=False)

    def __post_init__(self) -> None:
        self.proxy = FaultProxy(self.server.url)

    async def kill(self) -> None:
        await asyncio.to_thread(self.server.kill)

    async def start(self) -> None:
        """Start it; over when it answers."""
        await asyncio.to_thread(self.server.start)

    async def stop(self) -> None:
        await asyncio.to_thread(self.server.stop)

    async def ask(self, *words: Any) -> Any:
        """Ask Redis past the network."""
        client = redis.Redis.from_url(self.server.url)
        try:
            return await client.execute_command(*words)
        finally:
            await client.aclose()

    @asynccontextmanager
    async def as_superuser(self) -> AsyncIterator[asyncpg.Connection]:
        """Connect to Postgres past the network as the role that may do anything, also when all else may only read."""
        writing = {"default_transaction_read_only": "off"}
        connection = await asyncpg.connect(self.stores.superuser_url, server_settings=writing)
        try:
            yield connection
        finally:
            await connection.close()


Away = Callable[[Store], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def killed(store: Store) -> AsyncIterator[None]:
    """Its processes are gone without a word."""
    await store.kill()
    try:
        yield
    finally:
        await store.start()


@asynccontextmanager
async def frozen(store: Store) -> AsyncIterator[None]:
    """Its processes stand still: connections stay open, new ones are taken, nothing is answered."""
    await asyncio.to_thread(store.server.freeze)
    try:
        yield
    finally:
        await asyncio.to_thread(store.server.thaw)


@asynccontextmanager
async def restarted(store: Store) -> AsyncIterator[None]:
    """It was shut down in order and is back; a Redis of tests comes back empty."""
    await store.stop()
    await store.start()
    yield


@asynccontextmanager
async def refusing(store: Store) -> AsyncIterator[None]:
    """Nobody listens at its address."""
    await store.proxy.refuse()
    try:
        yield
    finally:
        await store.proxy.heal()


@asynccontextmanager
async def silent(store: Store) -> AsyncIterator[None]:
    """The network takes every byte and delivers none."""
    store.proxy.freeze()
    try:
        yield
    finally:
        await store.proxy.heal()


@asynccontextmanager
async def half_open(store: Store) -> AsyncIterator[None]:
    """It hears us, and we don't hear its answers."""
    store.proxy.half_open()
    try:
        yield
    finally:
        await store.proxy.heal()


@asynccontextmanager
async def slow(store: Store, seconds: float) -> AsyncIterator[None]:
    """Each of its answers comes so much later."""
    store.proxy.slow(seconds)
    try:
        yield
    finally:
        await store.proxy.heal()


@asynccontextmanager
async def cut(store: Store) -> AsyncIterator[None]:
    """Every connection to it has ended; new ones can be had."""
    store.proxy.cut()
    yield


@asynccontextmanager
async def reset(store: Store) -> AsyncIterator[None]:
    """Every connection to it was reset; new ones can be had."""
    store.proxy.reset()
    yield


@asynccontextmanager
async def cut_after(store: Store, answered_bytes: int) -> AsyncIterator[None]:
    """Each connection breaks after so many bytes of answers, in the middle of whatever it is."""
    store.proxy.limit(answered_bytes)
    try:
        yield
    finally:
        await store.proxy.heal()


@asynccontextmanager
async def flushed(store: Store) -> AsyncIterator[None]:
    """Somebody emptied Redis."""
    await store.ask("FLUSHALL")
    yield


@asynccontextmanager
async def rewound(store: Store) -> AsyncIterator[None]:
    """Redis forgets after the block what it learned inside: it crashes and comes back with its data of before."""
    await store.ask("SAVE")
    yield
    await store.kill()
    await store.start()


@asynccontextmanager
async def read_only_redis(store: Store) -> AsyncIterator[None]:
    """Redis is a replica of a primary that is not there."""
    await store.ask("REPLICAOF", "127.0.0.1", free_ports(1)[0])
    try:
        yield
    finally:
        await store.ask("REPLICAOF", "NO", "ONE")


@asynccontextmanager
async def out_of_memory(store: Store) -> AsyncIterator[None]:
    """Redis has no memory left and evicts nothing."""
    await store.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    await store.ask("CONFIG", "SET", "maxmemory", "1")
    try:
        yield
    finally:
        await store.ask("CONFIG", "SET", "maxmemory", "0")


@asynccontextmanager
async def full(store: Store) -> AsyncIterator[None]:
    """Postgres has no connection left; ours were lost."""
    await store.proxy.refuse()
    async with AsyncExitStack() as held:
        while (connection := await _one_more(store)) is not None:
            held.push_async_callback(connection.close)
        await store.proxy.heal()
        yield


async def _one_more(store: Store) -> asyncpg.Connection | None:
    try:
        connection: asyncpg.Connection = await asyncpg.connect(store.server.url)
    except asyncpg.TooManyConnectionsError:
        return None
    return connection


@asynccontextmanager
async def read_only_postgres(store: Store) -> AsyncIterator[None]:
    """Postgres takes no write from anybody."""
    await _set_read_only(store, "on")
    try:
        yield
    finally:
        await _set_read_only(store, "off")


async def _set_read_only(store: Store, switch: str) -> None:
    async with store.as_superuser() as connection:
        await connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {switch}")
        await connection.execute("SELECT pg_reload_conf()")

    async def is_set() -> bool:
        fresh = await asyncpg.connect(store.server.url)
        try:
            return bool(await fresh.fetchval("SHOW default_transaction_read_only") == switch)
        finally:
            await fresh.close()

    await eventually(is_set, within=_READY_SECONDS)


def _named(**ways: Away) -> list[Any]:
    return [pytest.param(way, id=name.replace("_", "-")) for name, way in ways.items()]


def _further(**ways: Away) -> list[Any]:
    """Name ways that are much like another one: `make prove` tries them too."""
    return [
        pytest.param(way, id=name.replace("_", "-"), marks=[pytest.mark.prove, pytest.mark.timeout(180)])
        for name, way in ways.items()
    ]


# What Redis can be while the service goes on without it, or with what is left of it.
REDIS_WAYS = [
    *_named(
        killed=killed,
        frozen=frozen,
        slow=partial(slow, seconds=SLOW_REDIS_SECONDS),
        refusing=refusing,
        flushed=flushed,
        restarted_empty=restarted,
        rewound=rewound,
        read_only=read_only_redis,
        out_of_memory=out_of_memory,
    ),
    *_further(silent=silent, half_open=half_open, reset=reset),
]
# Postgres answers nothing.
POSTGRES_AWAY = [
    *_named(killed=killed, frozen=frozen, refusing=refusing, full=full),
    *_further(silent=silent, half_open=half_open),
]
POSTGRES_UNWRITABLE = [*POSTGRES_AWAY, *_named(read_only=read_only_postgres)]
# What happens to Postgres in the middle of writes.
POSTGRES_ACCIDENTS = [
    *POSTGRES_UNWRITABLE,
    *_named(
        restarted=restarted,
        slow=partial(slow, seconds=SLOW_POSTGRES_SECONDS),
        cut_after_some_bytes=partial(cut_after, answered_bytes=700),
    ),
    *_further(cut=cut, reset=reset),
]
