"""The near cache (this process) and the shared cache (Redis) over one loader: exact bytes with their version."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from random import uniform

from service.clock import Clock, Pulse
from service.storage.failing import DatabaseAway, DatabaseBusy
from service.storage.near_cache import Entry, NearCache
from service.storage.redis import Redis, RedisAway
from service.telemetry import facts
from service.telemetry.store_metrics import CacheMetrics

_JITTER = 0.1
_AWAY_SECONDS = 1.0


class Tier(StrEnum):
    """What answered: this process, Redis, Postgres, or something outdated because Postgres is away."""

    NEAR = "near"
    SHARED = "shared"
    POSTGRES = "postgres"
    STALE = "stale"


@dataclass(frozen=True, slots=True)
class Found:
    """An entry and the tier it came from; `kept_in` is the one that had kept an outdated entry."""

    entry: Entry
    tier: Tier
    kept_in: Tier | None = None

    @property
    def labels(self) -> tuple[str, str]:
        """Tier and outcome, as reads are counted."""
        if self.kept_in is not None:
            return self.kept_in, "stale"
        if not self.entry.body:
            return self.tier, "negative"
        return self.tier, "loaded" if self.tier is Tier.POSTGRES else "hit"


@dataclass(frozen=True, slots=True)
class CacheRules:
    """How long entries live, in seconds: fresh in either tier, unknown keys, and outdated while Postgres is away."""

    shared_ttl: float
    near_ttl: float
    unknown_ttl: float
    stale_if_error: float


class Cache:
    """Reads through near cache, shared cache and loader. Bytes below a key's least version are a miss in both.

    However many ask for a key at once, this process fetches it once. While the poll of changes is late, what memory
    and Redis hold may be outdated unheard, so Postgres is asked; when it is away, they answer and say so.
    """

    def __init__(
        self, near: NearCache, redis: Redis, rules: CacheRules, clock: Clock, pulse: Pulse, metrics: CacheMetrics
    ) -> None:
        self._near = near
        self._redis = redis
        self._rules = rules
        self._clock = clock
        self._pulse = pulse
        self._metrics = metrics
        self._near_hits = metrics.near_hits
        self._least: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._fetches: dict[str, asyncio.Future[Found]] = {}
        self._away_until = 0.0
        self._shared_from = 0.0

    def find_near(self, key: str) -> Entry | None:
        """Return the fresh entry of this process, without waiting for anything."""
        if self._pulse.is_late:
            return None
        entry = self._near.find_fresh(key, self._clock.timestamp())
        # No look at the least version: raising it has dropped what was below.
        if entry is not None and entry.body:
            self._near_hits.count += 1
        return entry

    async def get(self, key: str, load: Callable[[], Awaitable[Entry]]) -> Found:
        """Return the entry of a key; raises DatabaseAway when no tier has it and it can't be loaded."""
        if self._pulse.is_late:
            self._metrics.bypassed.inc()
        near = self.find_near(key)
        found = Found(near, Tier.NEAR) if near is not None else await self._fetch_once(key, load)
        if near is None or not near.body:
            self._metrics.reads.labels(*found.labels).inc()
        facts.current().cache = found.tier
        return found

    def raise_least(self, key: str, version: int) -> None:
        """Hear that a key has reached `version`: what is older is never served again. May come twice or late."""
        known, _ = self._least.get(key, (0, 0.0))
        if version <= known:
            # By Redis first, by the poll again: what was read since then is no older.
            return
        kept = 2 * (self._rules.shared_ttl + self._rules.stale_if_error)
        self._least[key] = (version, self._clock.timestamp() + kept)
        self._least.move_to_end(key)
        self._near.drop(key)
        # A fetch under way may have read the old version: whoever asks from now on starts another.
        self._fetches.pop(key, None)
        self._trim_least()

    def outdate(self) -> None:
        """Trust nothing that was kept until now: the database may have gone back behind it."""
        self._near.outdate()
        self._least.clear()
        self._fetches.clear()
        # Whatever Redis holds from before is fresh until then at the latest.
        self._shared_from = self._clock.timestamp() + self._rules.shared_ttl

    async def _fetch_once(self, key: str, load: Callable[[], Awaitable[Entry]]) -> Found:
        running = self._fetches.get(key)
        if running is None:
            running = asyncio.ensure_future(self._fetch(key, load))
            self._fetches[key] = running
            running.add_done_callback(lambda done: self._forget_fetch(key, done))
        else:
            self._metrics.coalesced.inc()
        # A caller who gives up must not take the fetch away from the others.
        return await asyncio.shield(running)

    def _forget_fetch(self, key: str, done: asyncio.Future[Found]) -> None:
        if self._fetches.get(key) is done:
            del self._fetches[key]
        if not done.cancelled():
            # Looked at here, so that a failure whose callers have all gone is not reported as forgotten.
            done.exception()

    async def _fetch(self, key: str, load: Callable[[], Awaitable[Entry]]) -> Found:
        now = self._clock.timestamp()
        shared, shared_until = await self._find_shared(key)
        if shared is not None and shared_until > max(now, self._shared_from) and not self._pulse.is_late:
            self._keep_near(key, shared)
            return Found(shared, Tier.SHARED)
        near = self._near.find_any(key, now)
        stale, kept_in = near or shared, Tier.NEAR if near else Tier.SHARED
        if stale is not None and now < self._away_until:
            return Found(stale, Tier.STALE, kept_in)
        try:
            with self._metrics.load_duration.time():
                entry = await load()
        except DatabaseAway as error:
            if not isinstance(error, DatabaseBusy):
                self._away_until = self._clock.timestamp() + _AWAY_SECONDS
            # A newer version may have been heard of while Postgres was asked.
            if stale is None or not self._is_current(key, stale):
                raise
            return Found(stale, Tier.STALE, kept_in)
        await self._keep(key, entry)
        return Found(entry, Tier.POSTGRES)

    async def _find_shared(self, key: str) -> tuple[Entry | None, float]:
        """Find the entry in Redis, and until when it is fresh."""
        try:
            raw = await self._redis.get(key)
        except RedisAway:
            return None, 0.0
        entry, until = _read(raw) if raw else (None, 0.0)
        return (entry, until) if entry is not None and self._is_current(key, entry) else (None, 0.0)

    async def _keep(self, key: str, entry: Entry) -> None:
        """Keep what was loaded, unless a newer version was heard of meanwhile."""
        if not self._is_current(key, entry):
            return
        self._keep_near(key, entry)
        if not entry.body:
            return
        ttl = self._rules.shared_ttl * uniform(1 - _JITTER, 1)  # noqa: S311 - spread, not secrecy
        until = self._clock.timestamp() + ttl
        raw = b"%.3f\n%d\n%b" % (until, entry.version, entry.body)
        try:
            await self._redis.set(key, raw, round((ttl + self._rules.stale_if_error) * 1000))
        except RedisAway:
            return

    def _keep_near(self, key: str, entry: Entry) -> None:
        ttl = self._rules.near_ttl if entry.body else self._rules.unknown_ttl
        fresh_until = self._clock.timestamp() + ttl * uniform(1 - _JITTER, 1)  # noqa: S311 - spread, not secrecy
        self._near.keep(key, entry, fresh_until, fresh_until + self._rules.stale_if_error)

    def _is_current(self, key: str, entry: Entry) -> bool:
        known = self._least.get(key)
        return known is None or entry.version >= known[0]

    def _trim_least(self) -> None:
        now = self._clock.timestamp()
        while self._least and next(iter(self._least.values()))[1] < now:
            self._least.popitem(last=False)


def _read(raw: bytes) -> tuple[Entry | None, float]:
    """Read what a replica wrote into Redis; what none of us can have written is as good as nothing."""
    try:
        until, version, body = raw.split(b"\n", 2)
        return (Entry(int(version), body), float(until)) if body else (None, 0.0)
    except ValueError:
        return None, 0.0
