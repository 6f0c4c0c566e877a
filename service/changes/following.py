"""Following changes: a poll that misses nothing, and Redis as its accelerator."""

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from service.changes import records as changes
from service.changes.messages import CHANNEL, Change, from_bytes
from service.changes.records import Heard
from service.clock import Clock, Pulse
from service.storage import Connection, Database, DatabaseAway, Redis, RedisAway
from service.telemetry.metrics import ChangeMetrics

logger = logging.getLogger(__name__)

_RETRY_SECONDS = 0.2
_LISTEN_SECONDS = 1.0


class Following:
    """Hears every change exactly once from Postgres, and most of them sooner from Redis.

    The cursor is the last poll's whole snapshot. After a lost connection, a restarted server or a timeline that went
    back, everything still relevant is heard again; changes commute, so twice does no harm.
    """

    def __init__(
        self,
        database: Database,
        redis: Redis,
        hear: Callable[[Change], bool],
        clock: Clock,
        pulse: Pulse,
        metrics: ChangeMetrics,
    ) -> None:
        self._database = database
        self._redis = redis
        self._hear = hear
        self._clock = clock
        self._metrics = metrics
        self._seen: Heard | None = None
        self._pulse = pulse

    async def load(self, kept: timedelta) -> None:
        """Hear everything still relevant; done once before the process is ready."""
        async with self._database.apart() as connection:
            self._take(await changes.load(connection, kept), "load")

    async def poll_for_ever(self, pause: timedelta, kept: timedelta, start_over: Callable[[], None]) -> None:
        """Poll on a connection of its own until cancelled; a lost connection is opened anew and all is heard again.

        A server that started anew may have forgotten what was heard of it (a failover, a restore): `start_over` is
        called before all that it knows is heard.
        """
        while True:
            try:
                async with self._database.apart() as connection:
                    heard = await changes.load(connection, kept)
                    if self._seen is not None and not heard.continues(self._seen):
                        start_over()
                    self._take(heard, "load")
                    await self._poll(connection, pause.total_seconds())
            except DatabaseAway as error:
                logger.warning("changes can't be read", extra={"reason": type(error.__cause__).__name__})
            await asyncio.sleep(_RETRY_SECONDS)

    async def listen_for_ever(self) -> None:
        """Hear announcements until cancelled; without Redis the poll alone goes on."""
        while True:
            try:
                async with self._redis.subscribed(CHANNEL) as subscription:
                    while True:
                        message = await subscription.get_message(timeout=_LISTEN_SECONDS)
                        if message is not None:
                            self._hear_announced(message["data"])
            except RedisAway:
                logger.debug("announcements can't be heard")
            await asyncio.sleep(_RETRY_SECONDS)

    async def _poll(self, connection: Connection, pause_seconds: float) -> None:
        """Poll until the cursor no longer fits the server; then the caller loads again."""
        while True:
            await asyncio.sleep(pause_seconds)
            seen = self._seen
            if seen is None:
                return
            heard = await changes.poll(connection, seen.snapshot)
            if not heard.continues(seen):
                return
            self._take(heard, "poll")

    def _take(self, heard: Heard, way: str) -> None:
        # What a lost connection kept from us arrives with a load, and late; at a start nobody waited for it.
        missed_since = self._seen.database_time if self._seen is not None else heard.database_time
        for change, made_at in heard.changes:
            if self._hear(change) and (way == "poll" or made_at > missed_since):
                self._note_lag("poll", heard.database_time.timestamp() - made_at.timestamp())
        self._seen = heard
        self._clock.correct(heard.database_time)
        self._pulse.beat()
        self._metrics.last_poll.set(self._clock.timestamp())
        self._metrics.seen.labels(way).inc(len(heard.changes))
        self._metrics.clock_offset.set(self._clock.offset.total_seconds())

    def _note_lag(self, way: str, seconds: float) -> None:
        # Two clocks corrected by Postgres' differ by up to a round trip: a change is not heard before it is made.
        self._metrics.lag.labels(way).observe(max(0.0, seconds))

    def _hear_announced(self, raw: bytes) -> None:
        try:
            announced, sent_at = from_bytes(raw)
        except (ValueError, TypeError):
            logger.warning("an announcement could not be read")
            return
        for change in announced:
            if self._hear(change) and sent_at is not None:
                self._note_lag("redis", self._clock.timestamp() - sent_at)
        self._metrics.seen.labels("redis").inc(len(announced))
