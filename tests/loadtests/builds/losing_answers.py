"""A build with a fault: Redis tells everybody, and its answer to who asked for that is lost."""

from service.commands import main
from service.storage.redis import Redis, RedisAway

_publish = Redis.publish


async def publish_unheard(self: Redis, channel: str, message: bytes) -> None:
    """Publish, and not know it."""
    await _publish(self, channel, message)
    raise RedisAway


if __name__ == "__main__":
    Redis.publish = publish_unheard  # type: ignore[method-assign]
    main()
