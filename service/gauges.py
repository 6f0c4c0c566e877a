"""What gauges show: the state of this process, read when somebody looks and never written on a request's way."""

import asyncio
import platform
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass

from service.security.key_ring import NoSigningKey
from service.telemetry.metrics import Metrics
from service.web.management import Lifecycle
from service.wiring import Parts

_KEY_STATES = ("next", "current", "retiring")


@dataclass(frozen=True, slots=True)
class Gauges:
    """Reads the parts and sets the gauges. Runs on the event loop, whose tasks it counts."""

    parts: Parts
    lifecycle: Lifecycle
    version: str

    def read(self) -> None:
        metrics = self.parts.metrics
        self._read_process(metrics)
        self._read_stores(metrics)
        self._read_keys(metrics)
        metrics.hashing.depth.set(self.parts.security.hashing_pool.depth)
        metrics.hashing.threads.set(self.parts.security.hashing_pool.threads)
        metrics.limits.enabled.set(self.parts.charging.is_on)

    def _read_process(self, metrics: Metrics) -> None:
        metrics.process.tasks.set(len(asyncio.all_tasks()))
        metrics.process.ready.set(self.lifecycle.is_ready)
        metrics.process.draining.set(self.lifecycle.is_draining)
        metrics.process.build.labels(self.version, platform.python_version()).set(1)

    def _read_stores(self, metrics: Metrics) -> None:
        stores = self.parts.stores
        database, redis, cache = metrics.stores.database, metrics.stores.redis, metrics.stores.cache
        database.pool_size.set(stores.database.size)
        database.pool_in_use.set(stores.database.in_use)
        database.pool_waiting.set(stores.database.waiting)
        redis.pool_size.set(stores.redis.size)
        redis.pool_in_use.set(stores.redis.in_use)
        redis.breaker_open.set(stores.redis.is_breaker_open)
        cache.near_entries.set(len(stores.near))
        cache.near_bytes.set(stores.near.size)

    def _read_keys(self, metrics: Metrics) -> None:
        ring, now = self.parts.security.ring, self.parts.clock.timestamp()
        with suppress(NoSigningKey):
            metrics.process.signing_key_age.set(now - ring.signing_key(now).active_at.timestamp())
        counted = Counter(ring.states(now))
        for state in _KEY_STATES:
            metrics.process.signing_keys.labels(state).set(counted[state])
