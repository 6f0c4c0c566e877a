"""Telling the other replicas at once. An accelerator, never the truth: every replica polls the same rows anyway."""

from collections.abc import Callable
from dataclasses import dataclass

from service.changes.messages import CHANNEL, Change, to_bytes
from service.clock import Clock
from service.storage import Redis, RedisAway
from service.telemetry.metrics import ChangeMetrics


@dataclass(frozen=True, slots=True)
class Announce:
    """Call it after the commit. This process hears first; the others by Redis, or by their poll without it."""

    hear: Callable[[Change], bool]
    redis: Redis
    clock: Clock
    metrics: ChangeMetrics

    async def __call__(self, *changes: Change) -> None:
        for change in changes:
            self.hear(change)
        try:
            await self.redis.publish(CHANNEL, to_bytes(changes, self.clock.timestamp()))
        except RedisAway:
            self.metrics.announcements_lost.inc(len(changes))
