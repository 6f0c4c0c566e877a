"""The stores a test worker uses: own ones out of wheels, or those named by SIGNET_DATABASE_URL and SIGNET_REDIS_URL."""

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import redis.asyncio as redis

from local import stores as local_stores
from tests.kit.programs import run

SECRET = "t3st-0nly-S3cret-With-Enough-Different-Symbols"


@dataclass(frozen=True)
class Addresses:
    """Where the stores are. `local` is there when they are ours to kill and freeze."""

    database_url: str
    redis_url: str
    local: local_stores.Stores | None = None

    def environment(self) -> dict[str, str]:
        """Everything a service on these stores needs, and nothing of the settings around the test run."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNET_", "OTEL_"))}
        return {
            **inherited,
            "SIGNET_MODE": "development",
            "SIGNET_HOST": "127.0.0.1",
            "SIGNET_REGISTRATION": "open",
            "SIGNET_PUBLIC_URL": "https://id.example.test",
            "SIGNET_SECRET_KEYS": SECRET,
            "SIGNET_DATABASE_URL": self.database_url,
            "SIGNET_REDIS_URL": self.redis_url,
            "SIGNET_DRAIN": "0",
            # Tests come from one address and sign in all the time; those of the limits turn them on.
            "SIGNET_LIMITS": "off",
            # The cheapest hash that may be had: some thousand people sign in.
            "SIGNET_ARGON2_MEMORY_KIB": "7168",
            "SIGNET_ARGON2_ITERATIONS": "1",
            # Tests age rows and look at them afterwards; those of housekeeping let it run.
            "SIGNET_HOUSEKEEPING": "1d",
            # A busy machine is not an outage; the tests of outages set these back.
            "SIGNET_DATABASE_TIMEOUT": "5s",
            "SIGNET_DATABASE_CONNECT_TIMEOUT": "5s",
            "SIGNET_DATABASE_WAIT": "5s",
            "SIGNET_REDIS_TIMEOUT": "2s",
            "SIGNET_HASH_WAIT": "15s",
            "SIGNET_CHANGES_LATE": "10s",
        }

    def command(self, *arguments: str, given: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m service ...`; a failure fails the test with what it printed."""
        done = self.attempt(*arguments, given=given, **settings)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def attempt(self, *arguments: str, given: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m service ...` and give what came of it."""
        return run(["service", *arguments], {**self.environment(), **settings}, given)

    def migrate(self) -> None:
        self.command("migrate")

    @property
    def owner(self) -> str:
        """Name the role that is to own a database."""
        return urlsplit(self.database_url).username or "CURRENT_USER"

    def with_database(self, name: str) -> "Addresses":
        """Give the same stores with another database of the same server."""
        return replace(self, database_url=_path(self.database_url, name))

    async def administer(self, *statements: str) -> None:
        """Run statements that make or drop databases."""
        connection = await asyncpg.connect(self.local.superuser_url if self.local else self.database_url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def flush_redis(self) -> None:
        client = redis.Redis.from_url(self.redis_url)
        await client.flushdb()
        await client.aclose()


@contextmanager
def addresses(folder: Path, worker: str) -> Iterator[Addresses]:
    """Provide stores for one test worker."""
    database_url, redis_url = os.environ.get("SIGNET_DATABASE_URL"), os.environ.get("SIGNET_REDIS_URL")
    if database_url and redis_url:
        number = int("".join(character for character in worker if character.isdigit()) or 0) + 1
        yield Addresses(asyncio.run(_own_database(database_url, worker)), _path(redis_url, str(number)))
        return
    with local_stores.running(folder, durable=False, max_connections=200) as running:
        yield Addresses(running.postgres.url, running.valkey.url, running)


async def _own_database(url: str, worker: str) -> str:
    """Make a database of this worker's own on a given server."""
    name = f"signet_test_{worker}"
    connection = await asyncpg.connect(url)
    await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return _path(url, name)


def _path(url: str, path: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{path}"))
