"""What right passwords get back in Redis: with the next charge of this process, or soon by itself."""

import asyncio
from contextvars import Context

from service.storage import Redis, RedisAway, Refund

_SOON_SECONDS = 0.2


class Refunds:
    """Refunds that wait for a journey: one of their own is a seventh of a sign-in beside its hash (measured)."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._due: list[Refund] = []
        self._timer: asyncio.TimerHandle | None = None
        self._journeys: set[asyncio.Task[None]] = set()

    def add(self, refunds: list[Refund]) -> None:
        self._due += refunds
        if self._timer is None:
            # Not in the context of a request, which is over by then.
            self._timer = asyncio.get_running_loop().call_later(_SOON_SECONDS, self._depart, context=Context())

    def collect(self) -> list[Refund]:
        """Give what is due to whoever goes to Redis now."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due, self._due = self._due, []
        return due

    async def send(self) -> None:
        """Send what is due. Without Redis it is lost: so are the charges."""
        due = self.collect()
        if due:
            try:
                await self._redis.take(refunds=due)
            except RedisAway:
                return

    def _depart(self) -> None:
        journey = asyncio.ensure_future(self.send())
        self._journeys.add(journey)
        journey.add_done_callback(self._journeys.discard)
