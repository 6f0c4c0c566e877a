"""What runs beside the requests, from the start of a process to its end."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from service.keys.rotating import KeyUnreadable
from service.storage import DatabaseAway, schema
from service.telemetry.logs import log_failure
from service.telemetry.traces import Tracing
from service.users import records as users
from service.web.management import Lifecycle
from service.wiring import Parts

logger = logging.getLogger(__name__)

_KEEP_KEYS_EVERY = timedelta(minutes=1)
_COUNT_SCHEMES_EVERY = timedelta(minutes=5)
_RETRY_SECONDS = 0.5
_READ_METRICS_EVERY = timedelta(seconds=1)
_LAST_SPANS = timedelta(seconds=2)
_GC_THRESHOLD = 50_000


class SchemaUnusable(Exception):  # noqa: N818 - it says what is the matter
    """The database's schema does not fit this build."""


@asynccontextmanager
async def lifespan(parts: Parts, lifecycle: Lifecycle, tracing: Tracing) -> AsyncIterator[None]:
    """Serve from the first moment, so that probes can say what is waited for; load, then keep it current."""
    # Held in this set until the end: the loop itself keeps only weak references.
    tasks = {
        asyncio.ensure_future(lifecycle.tick_for_ever(parts.metrics.process.loop_lag)),
        asyncio.ensure_future(_run(parts, lifecycle)),
    }
    try:
        yield
    finally:
        await _end(tasks)
        if parts.metrics.are_shared:
            # What was counted since the last look stays in the files of this worker's slot.
            parts.metrics.read()
        # Requests are over: the last spans have ended, and there is time for them within gunicorn's margin.
        await asyncio.to_thread(tracing.close, _LAST_SPANS)
        await close(parts)


async def load(parts: Parts) -> None:
    """Load all that the first request needs: schema checked, keys, changes, the mix of password schemes."""
    fault = await parts.stores.database.read(schema.find_fault)
    if fault is not None:
        raise SchemaUnusable(fault)
    await parts.following.load(kept(parts))
    await parts.operations.rotating.make_first()
    await parts.operations.rotating.load()
    parts.security.passwords.learn_shares(await parts.stores.database.read(users.count_schemes))


async def close(parts: Parts) -> None:
    """Close pools and clients, whatever state they are in."""
    parts.security.hashing_pool.close()
    await parts.charging.counting.refunds.send()
    await parts.stores.redis.close()
    await parts.stores.database.close()


def kept(parts: Parts) -> timedelta:
    """How far back changes still matter: twice the life of an access token."""
    return parts.settings.changes_kept


async def _end(tasks: set[asyncio.Task[None]]) -> None:
    """End what runs; whatever one of them has failed of, all that is open is closed after it."""
    for task in tasks:
        task.cancel()
    for ended in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(ended, Exception):
            log_failure(logger, "a task had ended with a failure", ended)


async def _run(parts: Parts, lifecycle: Lifecycle) -> None:
    await _load_at_last(parts)
    lifecycle.start()
    # What was loaded lives as long as the process: no full collection need look at it again (p99 by three, measured).
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD, 10, 10)
    logger.info("started", extra={"mode": parts.settings.mode})
    settings = parts.settings
    following = parts.following
    duties: dict[str, Callable[[], Awaitable[None]]] = {
        "poll changes": lambda: following.poll_for_ever(settings.changes_poll, kept(parts), parts.hearing.start_over),
        "listen for changes": following.listen_for_ever,
        "reload keys": lambda: _reload_keys_for_ever(parts),
        "keep keys": lambda: _for_ever(_KEEP_KEYS_EVERY, parts.operations.rotating.keep),
        "housekeeping": lambda: _for_ever(settings.housekeeping, parts.operations.tidying.tidy),
        "count password schemes": lambda: _for_ever(_COUNT_SCHEMES_EVERY, lambda: _count_schemes(parts)),
    }
    if parts.metrics.are_shared:
        duties["read metrics"] = lambda: _read_metrics_for_ever(parts)
    await asyncio.gather(*(_keep_up(name, duty) for name, duty in duties.items()))


async def _keep_up(name: str, duty: Callable[[], Awaitable[None]]) -> None:
    """Start a duty again whenever it ends: one that stopped in silence would be missed when it is needed most."""
    while True:
        try:
            await duty()
        except Exception as error:  # noqa: BLE001 - whatever it was, the duty goes on
            log_failure(logger, "a duty failed and starts again", error, duty=name)
        await asyncio.sleep(_RETRY_SECONDS)


async def _load_at_last(parts: Parts) -> None:
    """Try to load until it works, whatever is in the way; the log and the start-up probe say what is missing."""
    said = ""
    while True:
        try:
            await load(parts)
        except Exception as error:  # noqa: BLE001 - an operator may repair it, and nobody restarts us for it
            reason = _reason(error)
            if reason != said:
                _say_what_is_missing(error, reason)
                said = reason
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            return


def _reason(error: Exception) -> str:
    """Say in a sentence what a start waits for; of what was not foreseen only the kind, down to the driver's."""
    if isinstance(error, DatabaseAway):
        return "Postgres can't be reached"
    if isinstance(error, SchemaUnusable | KeyUnreadable):
        return str(error)
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return type(cause).__name__


def _say_what_is_missing(error: Exception, reason: str) -> None:
    if isinstance(error, DatabaseAway | SchemaUnusable | KeyUnreadable):
        logger.warning("waiting to start", extra={"reason": reason})
    else:
        log_failure(logger, "the start failed and is tried again", error, reason=reason)


async def _reload_keys_for_ever(parts: Parts) -> None:
    while True:
        await parts.hearing.keys_wanted.wait()
        parts.hearing.keys_wanted.clear()
        try:
            await reload_keys(parts)
        except DatabaseAway:
            parts.hearing.keys_wanted.set()
            await asyncio.sleep(_RETRY_SECONDS)
        except KeyUnreadable as error:
            logger.error("keys can't be loaded", extra={"reason": str(error)})  # noqa: TRY400 - no trace: it is said
        except Exception:
            # This duty starts again; without the wish it would wait for the next change of keys.
            parts.hearing.keys_wanted.set()
            raise


async def reload_keys(parts: Parts) -> None:
    """Load the keys again; when one has gone, no token verified with it is remembered any longer."""
    if await parts.operations.rotating.load():
        parts.security.tokens.forget_all()


async def _for_ever(pause: timedelta, duty: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(pause.total_seconds())
        with suppress(DatabaseAway):
            await duty()


async def _read_metrics_for_ever(parts: Parts) -> None:
    """Write down what gauges show: the neighbour that is scraped can read files, not this process' memory."""
    while True:
        parts.metrics.read()
        await asyncio.sleep(_READ_METRICS_EVERY.total_seconds())


async def _count_schemes(parts: Parts) -> None:
    parts.security.passwords.learn_shares(await parts.stores.database.read(users.count_schemes))
