"""A cache in the test's own process over the test's real Redis, and a truth it loads from."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from service.clock import Clock, Pulse
from service.storage import Redis
from service.storage.cache import Cache, CacheRules, Found
from service.storage.near_cache import Entry, NearCache
from service.telemetry.store_metrics import CacheMetrics
from tests.kit.environment import Addresses
from tests.kit.parts import redis_of, settings_of

KEY = "signet:test:1:played"
RULES = CacheRules(shared_ttl=300.0, near_ttl=30.0, unknown_ttl=1.0, stale_if_error=600.0)
NOWHERE = "redis://127.0.0.1:1/0"


@dataclass
class Watch:
    """A clock that moves when the test says so."""

    seconds: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Truth:
    """What Postgres would say: read at once, answered when the gate is open."""

    version: int = 1
    loads: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    failure: Exception | None = None
    # What is true when it is asked; without it, `version`.
    current: Callable[[], int] | None = None

    def open(self) -> "Truth":
        self.gate.set()
        return self

    async def load(self) -> Entry:
        self.loads += 1
        seen = self.current() if self.current is not None else self.version
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return Entry(seen, b"version %d" % seen) if seen else Entry(0, b"")


@dataclass(frozen=True)
class Replica:
    """What one process has of a cache."""

    cache: Cache
    near: NearCache
    redis: Redis
    pulse: Pulse
    watch: Watch

    async def read(self, load: Callable[[], Awaitable[Entry]], key: str = KEY) -> Found:
        return await self.cache.get(key, load)


@asynccontextmanager
async def replica_of(
    stores: Addresses,
    *,
    rules: CacheRules = RULES,
    entries: int = 100,
    redis_url: str | None = None,
    watch: Watch | None = None,
) -> AsyncIterator[Replica]:
    """Open a cache as one process has it; its poll of changes is on time."""
    watch, metrics = watch or Watch(), CacheMetrics(CollectorRegistry())
    near, pulse = NearCache(entries, 1_000_000, metrics.near_evictions), Pulse(3600.0)
    pulse.beat()
    async with redis_of(settings_of(stores, redis_url=redis_url or stores.redis_url)) as redis:
        yield Replica(Cache(near, redis, rules, Clock(watch), pulse, metrics), near, redis, pulse, watch)
