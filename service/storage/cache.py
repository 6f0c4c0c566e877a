"""The near cache (this process) and the shared cache (Redis) over one loader: exact bytes with their version."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import uniform

from service.clock import Clock
from service.storage.redis import Redis, RedisAway
from service.telemetry import facts
from service.telemetry.metrics import StoreMetrics

_JITTER = 0.1
_ENTRY_OVERHEAD = 200


@dataclass(slots=True)
class Entry:
    """What is sent, and the version of what it shows. Version 0 with no body: there is nothing under this key.

    `answer` belongs to whoever renders the entry: what was rendered once is kept as long as the entry is.
    """

    version: int
    body: bytes
    answer: object = None

    def to_bytes(self) -> bytes:
        return b"%d\n%b" % (self.version, self.body)

    @classmethod
    def from_bytes(cls, raw: bytes) -> "Entry":
        version, _, body = raw.partition(b"\n")
        return cls(int(version), body)


@dataclass(frozen=True, slots=True)
class CacheRules:
    """How long entries live (seconds) and how many the near cache holds."""

    shared_ttl: float
    near_ttl: float
    near_entries: int
    near_bytes: int


class Cache:
    """Reads through near cache, shared cache and loader. Bytes below a key's least version are a miss in both."""

    def __init__(self, name: str, redis: Redis, rules: CacheRules, clock: Clock, metrics: StoreMetrics) -> None:
        self._name = name
        self._redis = redis
        self._rules = rules
        self._clock = clock
        self._reads = {tier: metrics.cache_reads.labels(tier) for tier in ("near", "shared", "postgres")}
        self._near_reads = self._reads["near"]
        self._near: OrderedDict[str, tuple[Entry, float]] = OrderedDict()
        self._near_size = 0
        self._least: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._loads: dict[str, asyncio.Future[Entry]] = {}

    def find_near(self, key: str) -> Entry | None:
        """Return the fresh entry of this process, without waiting for anything."""
        held = self._near.get(key)
        if held is None or held[1] < self._clock.timestamp():
            return None
        # No look at the least version: raising it has dropped what was below.
        self._near_reads.inc()
        return held[0]

    async def get(self, key: str, load: Callable[[], Awaitable[Entry]]) -> Entry:
        """Return the entry of a key; however many ask at once, this process loads it once."""
        near = self.find_near(key)
        if near is not None:
            facts.current().cache = "near"
            return near
        shared = await self._find_shared(key)
        if shared is not None:
            self._keep_near(key, shared)
            return shared
        return await self._load_once(key, load)

    def raise_least(self, key: str, version: int) -> None:
        """Hear that a key has reached `version`: what is older is never served again. May come twice or late."""
        known, _ = self._least.get(key, (0, 0.0))
        # Kept for longer than an entry of either tier can live.
        self._least[key] = (max(known, version), self._clock.timestamp() + 2 * self._rules.shared_ttl)
        self._least.move_to_end(key)
        self._drop_near(key)
        self._trim_least()

    def forget_all(self) -> None:
        """Empty the near cache: what was missed is not known."""
        self._near.clear()
        self._near_size = 0

    def _is_current(self, key: str, entry: Entry) -> bool:
        known = self._least.get(key)
        return known is None or entry.version >= known[0]

    async def _find_shared(self, key: str) -> Entry | None:
        try:
            raw = await self._redis.get(self._address(key))
        except RedisAway:
            return None
        if raw is None:
            return None
        entry = Entry.from_bytes(raw)
        if not self._is_current(key, entry):
            return None
        facts.current().cache = "shared"
        self._reads["shared"].inc()
        return entry

    async def _load_once(self, key: str, load: Callable[[], Awaitable[Entry]]) -> Entry:
        facts.current().cache = "postgres"
        running = self._loads.get(key)
        if running is None:
            running = asyncio.ensure_future(self._load(key, load))
            self._loads[key] = running
            running.add_done_callback(lambda _: self._loads.pop(key, None))
        # A caller who gives up must not take the load away from the others.
        return await asyncio.shield(running)

    async def _load(self, key: str, load: Callable[[], Awaitable[Entry]]) -> Entry:
        entry = await load()
        self._reads["postgres"].inc()
        if entry.body and self._is_current(key, entry):
            self._keep_near(key, entry)
            await self._keep_shared(key, entry)
        return entry

    async def _keep_shared(self, key: str, entry: Entry) -> None:
        try:
            ttl_ms = round(self._rules.shared_ttl * 1000 * uniform(1 - _JITTER, 1))  # noqa: S311
            await self._redis.set(self._address(key), entry.to_bytes(), ttl_ms)
        except RedisAway:
            return

    def _keep_near(self, key: str, entry: Entry) -> None:
        if self._rules.near_entries <= 0:
            return
        self._drop_near(key)
        lifetime = self._rules.near_ttl * uniform(1 - _JITTER, 1)  # noqa: S311 - spread, not secrecy
        self._near[key] = (entry, self._clock.timestamp() + lifetime)
        self._near_size += len(entry.body) + _ENTRY_OVERHEAD
        while len(self._near) > self._rules.near_entries or self._near_size > self._rules.near_bytes:
            self._drop_near(next(iter(self._near)))

    def _drop_near(self, key: str) -> None:
        held = self._near.pop(key, None)
        if held is not None:
            self._near_size -= len(held[0].body) + _ENTRY_OVERHEAD

    def _trim_least(self) -> None:
        now = self._clock.timestamp()
        while self._least and next(iter(self._least.values()))[1] < now:
            self._least.popitem(last=False)

    def _address(self, key: str) -> str:
        return f"signet:{self._name}:{key}"
