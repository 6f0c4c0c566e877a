"""Redis: every command has a deadline, and a breaker stops asking while Redis is away."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any, cast
from urllib.parse import unquote, urlsplit, urlunsplit

import redis.asyncio as redis
from opentelemetry.trace import SpanKind
from purgatory import SyncCircuitBreakerFactory
from purgatory.domain.messages.events import ContextChanged
from purgatory.domain.model import CLOSED, OpenedState
from redis.asyncio.client import PubSub
from redis.asyncio.connection import AbstractConnection
from redis.credentials import CredentialProvider
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError
from redis.maint_notifications import MaintNotificationsConfig

from service.settings import Settings
from service.storage import scripts
from service.storage.scripts import Script
from service.telemetry import facts
from service.telemetry.store_metrics import RedisMetrics
from service.telemetry.traces import span

# What is counted under a key: its emission interval in milliseconds, and how many may come at once.
Request = tuple[str, float, int]
# What is given back under a key: its emission interval in milliseconds, or 0 to forget the key.
Refund = tuple[str, float]
_FAILURES_THAT_OPEN = 5
_OPEN_SECONDS = 1.0
_CONNECTIONS = 32
# What a server says of a script that it has not been given yet, or has forgotten.
_UNKNOWN = object()
# uvloop says RuntimeError where asyncio says ConnectionResetError: to whoever writes to a connection that was reset.
_FAILURES = (RedisError, OSError, TimeoutError, RuntimeError)


class RedisAway(Exception):  # noqa: N818 - it says what is the matter
    """Redis did not answer in time. Whoever asked goes on without it."""


class RedisGone(RedisAway):
    """Its connections break, or it has failed so often that it is not asked: it may come back with nothing."""


class Credentials(CredentialProvider):
    """Who we are to Redis; the address is read again at each connect, so that a rotated password is used at once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        return self.get_credentials()

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        address = urlsplit(self._settings.redis_address())
        if address.password is None:
            # The client asks for none then, though its types have no word for it.
            return cast("tuple[str]", ())
        password = unquote(address.password)
        return (unquote(address.username), password) if address.username else (password,)


class Pool(redis.ConnectionPool):
    """The library's pool, without what it does for each loan beside lending: a lock, events, metrics of its own."""

    async def get_connection(self, *_: object, **__: object) -> AbstractConnection:
        """Lend a connection that is ready to be asked, opened or opened anew if it has to be."""
        connection: AbstractConnection = self.get_available_connection()  # type: ignore[no-untyped-call]
        try:
            try:
                # What can be read is an answer that nobody waited for, or the end.
                is_ready = connection.is_connected and not await connection.can_read()
            except RedisConnectionError:
                is_ready = False
            if not is_ready:
                await self.ensure_connection(connection)
        except BaseException:
            self.take_back(connection)
            raise
        return connection

    async def release(self, connection: AbstractConnection) -> None:
        self.take_back(connection)

    def take_back(self, connection: AbstractConnection) -> None:
        """Take a connection back; one that hung up is opened anew by whoever is lent it."""
        self._in_use_connections.remove(connection)
        self._available_connections.append(connection)


class Redis:
    """A client of any Redis-compatible server. Nothing is lost when it is away: Postgres has it all.

    Of the library it uses connections and their pool: what its commands do beyond sending and reading costs half
    as much again (28 us, measured).
    """

    def __init__(self, settings: Settings, metrics: RedisMetrics) -> None:
        self._seconds = settings.redis_timeout.total_seconds()
        # One deadline for all that a command waits for; the library's own for each step would cost a task each.
        self._pool = _new_pool(settings, None)
        self._listener = redis.Redis.from_pool(_new_pool(settings, self._seconds))
        # What it does waits for nothing; the library's asynchronous one would be six coroutines for each command.
        breakers = SyncCircuitBreakerFactory(_FAILURES_THAT_OPEN, _OPEN_SECONDS)
        breakers.add_listener(self._note_breaker)
        self._breaker = breakers.get_breaker("redis")
        self.is_breaker_open = False
        # The client refuses whoever finds no connection free, as if Redis were away; here they wait for one.
        self._places = asyncio.Semaphore(_CONNECTIONS)
        self.size, self.in_use = _CONNECTIONS, 0
        self._metrics = metrics

    async def get(self, key: str) -> bytes | None:
        value: bytes | None = await self._ask("GET", key)
        return value

    async def set(self, key: str, value: bytes, ttl_ms: int) -> None:
        await self._ask("SET", key, value, "PX", ttl_ms)

    async def take(
        self, *asked: Request, failures: str | None = None, refunds: Sequence[Refund] = ()
    ) -> tuple[int, float]:
        """Give back `refunds`, then count requests by GCRA, one after the other, until one has to wait.

        Gives how many were counted, and 0 when it was all of them, else after how many milliseconds the next one may
        pass. Below 0, the failures under that key still delay the last one for so many.
        """
        keys = [key for key, _ in refunds] + [key for key, _, _ in asked]
        rules = [ms for _, ms in refunds] + [rule for _, emission_ms, burst in asked for rule in (emission_ms, burst)]
        if failures is not None:
            keys.append(failures)
        counted, late_ms = await self._run(scripts.TAKE, keys, len(refunds), *rules)
        return counted, float(late_ms)

    async def welcome(self, failures: Refund, *refunds: Refund) -> float:
        """Forget failures and give back the rest; gives for how many milliseconds they still delayed others."""
        keys, rules = zip(failures, *refunds, strict=True)
        return float(await self._run(scripts.WELCOME, keys, *rules))

    async def fail(self, key: str, delays_ms: Sequence[int], kept_ms: int) -> None:
        """Count a failure; the n-th one delays by the n-th of `delays_ms`, later ones by the last."""
        await self._run(scripts.FAIL, [key], kept_ms, *delays_ms)

    async def publish(self, channel: str, message: bytes) -> None:
        await self._ask("PUBLISH", channel, message)

    async def ping(self) -> None:
        await self._ask("PING")

    @asynccontextmanager
    async def subscribed(self, channel: str) -> AsyncIterator[PubSub]:
        """Subscribe on a connection of its own; raises RedisAway when it can't be had or breaks."""
        subscription = self._listener.pubsub(ignore_subscribe_messages=True)
        try:
            async with asyncio.timeout(2 * self._seconds):
                await subscription.subscribe(channel)
            yield subscription
        except _FAILURES as error:
            raise RedisAway from error
        finally:
            await subscription.aclose()

    async def close(self) -> None:
        await self._pool.aclose()
        await self._listener.aclose()

    async def _run(self, script: Script, keys: Sequence[str], *arguments: float) -> Any:  # noqa: ANN401 - as it answers
        words: list[str | float] = [len(keys), *keys, *arguments]
        answer = await self._ask("EVALSHA", script.sha, *words)
        return await self._ask("EVAL", script.text, *words) if answer is _UNKNOWN else answer

    async def _ask(self, name: str, *words: str | bytes | float) -> Any:  # noqa: ANN401 - as it answers
        facts.current().redis_commands += 1
        try:
            with span(name, SpanKind.CLIENT, {"db.system.name": "redis", "db.operation.name": name}), self._breaker:
                answer = await self._in_place(name, *words)
        except OpenedState as error:
            self._metrics.commands.labels("not_asked").inc()
            raise RedisGone from error
        except _FAILURES as error:
            self._metrics.commands.labels("failed").inc()
            raise (RedisGone if _is_broken(error) else RedisAway) from error
        self._metrics.answered.count += 1
        return answer

    async def _in_place(self, *words: str | bytes | float) -> Any:  # noqa: ANN401 - as it answers
        began = perf_counter()
        try:
            async with asyncio.timeout(self._seconds), self._places:
                self.in_use += 1
                try:
                    connection = await self._pool.get_connection()
                    try:
                        await connection.send_command(*words)
                        return await connection.read_response()
                    finally:
                        # Whatever was cut off in between has hung up.
                        self._pool.take_back(connection)
                finally:
                    self.in_use -= 1
        except NoScriptError:
            return _UNKNOWN
        finally:
            self._metrics.duration.observe(perf_counter() - began)

    def _note_breaker(self, _name: str, _event: str, change: object) -> None:
        """Follow the breaker: it opens, half-opens for one look, and closes or opens again."""
        if isinstance(change, ContextChanged):
            was_open, self.is_breaker_open = self.is_breaker_open, change.state != CLOSED
            if self.is_breaker_open and not was_open:
                self._metrics.breaker_opened.inc()


def _is_broken(error: BaseException) -> bool:
    """Tell a connection that broke, or could not be had, from an answer that was late or a refusal."""
    is_late = isinstance(error, TimeoutError)
    return isinstance(error, RedisConnectionError | RuntimeError) or (isinstance(error, OSError) and not is_late)


def _new_pool(settings: Settings, socket_timeout: float | None) -> Pool:
    return Pool.from_url(
        _without_credentials(settings.redis_address()),
        credential_provider=Credentials(settings),
        socket_timeout=socket_timeout,
        socket_connect_timeout=settings.redis_timeout.total_seconds(),
        # Some are on their way out.
        max_connections=2 * _CONNECTIONS,
        # One failure is an answer: the caller has another way, and the breaker counts.
        retry=None,
        client_name="signet",
        # While it hopes for notices of maintenance, the client hands out connections that have died.
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
    )


def _without_credentials(url: str) -> str:
    address = urlsplit(url)
    return urlunsplit(address._replace(netloc=address.netloc.rpartition("@")[2]))
