"""Looking at both stores and the signing keys before anything is served."""

from collections.abc import Awaitable, Callable

from service.clock import Clock
from service.keys.rotating import KeyUnreadable
from service.lifespan import close
from service.settings import Settings
from service.storage import DatabaseAway, RedisAway, schema
from service.telemetry.metrics import new_metrics
from service.wiring import Parts, build


async def find_faults(settings: Settings) -> dict[str, str | None]:
    """Say of each store, and of the signing keys, in a sentence why it can't be used; None when it can."""
    parts = build(settings, Clock(), new_metrics())
    questions: dict[str, Callable[[Parts], Awaitable[str | None]]] = {
        "postgres": _postgres_fault,
        "signing keys": _keys_fault,
        "redis": _redis_fault,
    }
    try:
        return {name: await question(parts) for name, question in questions.items()}
    finally:
        await close(parts)


async def find_fatal(settings: Settings) -> str | None:
    """Say what no waiting will cure: a key that can't be decrypted. A store that is away may come."""
    parts = build(settings, Clock(), new_metrics())
    try:
        if await _postgres_fault(parts) is None:
            await parts.operations.rotating.load()
    except KeyUnreadable as error:
        return str(error)
    except DatabaseAway:
        return None
    finally:
        await close(parts)
    return None


async def _postgres_fault(parts: Parts) -> str | None:
    try:
        return await parts.stores.database.read(schema.find_fault)
    except DatabaseAway as error:
        return f"can't be reached ({_cause(error)})"


async def _keys_fault(parts: Parts) -> str | None:
    if await _postgres_fault(parts) is not None:
        return "can't be read: Postgres can't be used"
    try:
        await parts.operations.rotating.load()
    except KeyUnreadable as error:
        return str(error)
    except DatabaseAway as error:
        return f"can't be read ({_cause(error)})"
    return None


async def _redis_fault(parts: Parts) -> str | None:
    try:
        await parts.stores.redis.ping()
    except RedisAway as error:
        return f"can't be reached ({_cause(error)}); the service runs without it, slower"
    return None


def _cause(error: BaseException) -> str:
    cause = error.__cause__
    while cause is not None and cause.__cause__ is not None:
        cause = cause.__cause__
    return type(cause or error).__name__
