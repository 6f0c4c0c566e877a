"""What is tested, and what can be done to it; Signet and its stores, started for the run."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import psutil
import redis

from loadtests.asking import Place, place_of
from loadtests.scenario import Scenario
from loadtests.slowing import SlowDatabase
from local import children
from local import stores as local_stores
from local.children import Command
from local.folder import Folder, opened
from local.patience import Patience
from local.refusals import CannotStart
from local.server import Server
from service.commands.running import settings_or_exit
from service.settings import Settings

# As the image has it: what a password hash allocates is given back at once.
AS_IN_THE_IMAGE = {"MALLOC_MMAP_THRESHOLD_": "131072", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
_PROXY = {"SIGNET_PROXY_HEADER": "X-Forwarded-For", "SIGNET_TRUSTED_PROXIES": "127.0.0.1/32"}
_OK = 200


@dataclass(frozen=True)
class Hooks:
    """Shell commands that take a store away from a deployment and bring it back."""

    away: str = ""
    back: str = ""


@dataclass
class Subject:
    """Where requests go, where each replica tells its metrics, and what can be done to the stores."""

    settings: Settings
    hosts: tuple[str, ...]
    metrics: tuple[Place, ...]
    stores: local_stores.Stores | None = None
    # The processes that answer requests, where they are ours: one for each replica.
    workers: tuple[int, ...] = ()
    slow: SlowDatabase | None = None
    slowness: float = 0.0
    taken: str = "redis"
    hooks: Hooks = field(default_factory=Hooks)
    is_store_away: bool = False
    # What a reader of the verdict has to know of it.
    notes: tuple[str, ...] = ()

    @property
    def watching_url(self) -> str:
        """Where connections and statements can be watched: as the superuser, where the stores are ours."""
        return self.stores.superuser_url if self.stores else self.settings.direct_dsn()

    async def do(self, what: str) -> None:
        """Carry out an intervention of a scenario."""
        await getattr(self, what.replace(" ", "_"))()

    async def flush_redis(self) -> None:
        def flush() -> None:
            with redis.Redis.from_url(self.settings.redis_address()) as client:
                # The service's own user may not FLUSHDB, and the server may have other users.
                for key in client.scan_iter("signet:*", count=1000):
                    client.unlink(key)

        try:
            await asyncio.to_thread(flush)
        except redis.RedisError as reason:
            raise CannotStart(f"Redis could not be emptied: {reason}.") from reason

    async def slow_database(self) -> None:
        """Let Postgres answer later. A deployment's own can't be slowed down: there the crowd has to be larger."""
        if self.slow is not None:
            self.slow.slow(self.slowness)

    async def heal_database(self) -> None:
        if self.slow is not None:
            self.slow.slow(0.0)

    async def take_away(self) -> None:
        """Stop the chosen store as a crash would, or run the hook."""
        self.is_store_away = True
        if self.stores is not None:
            await asyncio.to_thread(self._store(self.stores).kill)
        else:
            await _shell(self.hooks.away)

    async def bring_back(self) -> None:
        if self.stores is not None:
            await asyncio.to_thread(self._store(self.stores).start)
        else:
            await _shell(self.hooks.back)
        self.is_store_away = False

    async def leave_whole(self) -> None:
        """Bring back what a run that was broken off has taken away from a deployment."""
        if self.is_store_away and self.stores is None:
            await self.bring_back()

    def _store(self, stores: local_stores.Stores) -> Server:
        return stores.postgres if self.taken == "postgres" else stores.valkey


@contextmanager
def started(scenario: Scenario, folder: Path, module: str = "service") -> Iterator[Subject]:
    """Start stores and replicas for a block. `SIGNET_...` of the environment go before the scenario's settings."""
    patience = Patience()
    with ExitStack() as stack:
        own = stack.enter_context(opened(folder, patience))
        stores = stack.enter_context(local_stores.running(folder / "stores", max_connections=200))
        slow = stack.enter_context(SlowDatabase(stores.postgres.url).running()) if scenario.slowness else None
        os.environ.update(_environment(scenario, own, stores, os.environ))
        if slow is not None:
            os.environ["SIGNET_DATABASE_URL"] = slow.through
            os.environ["SIGNET_DATABASE_DIRECT_URL"] = stores.postgres.url
        done = children.run(_command("service", "migrate"), own, patience, within=120)
        if done.exit_code:
            raise CannotStart(f"The database could not be made ready: {done.last_line}")
        replicas = [_replica(own, patience, number, module) for number in range(scenario.replicas)]
        for replica, _ in replicas:
            stack.enter_context(replica.running())
        hosts = tuple(replica.url for replica, _ in replicas)
        metrics = tuple(place_of("METRICS", address) for _, address in replicas)
        workers = tuple(psutil.Process(replica.pid).children()[0].pid for replica, _ in replicas)
        yield Subject(settings_or_exit(), hosts, metrics, stores, workers, slow, scenario.slowness)


def _environment(
    scenario: Scenario, folder: Folder, stores: local_stores.Stores, given: Mapping[str, str]
) -> dict[str, str]:
    ours = {
        "SIGNET_MODE": "production",
        "SIGNET_HOST": "127.0.0.1",
        "SIGNET_PUBLIC_URL": "http://127.0.0.1",
        "SIGNET_REGISTRATION": "open",
        "SIGNET_SECRET_KEYS": folder.secret("secret-keys"),
        "SIGNET_DRAIN": "0",
        **AS_IN_THE_IMAGE,
        **_PROXY,
        **scenario.settings,
        **{name: value for name, value in given.items() if name.startswith("SIGNET_")},
    }
    return {**ours, "SIGNET_DATABASE_URL": stores.postgres.url, "SIGNET_REDIS_URL": stores.valkey.url}


def _replica(folder: Folder, patience: Patience, number: int, module: str) -> tuple[Server, str]:
    """Describe a replica, and say where it tells its metrics."""
    port, management = folder.port(f"replica-{number}"), folder.port(f"replica-{number}-management")
    ports = {"SIGNET_PORT": str(port), "SIGNET_MANAGEMENT_PORT": str(management)}
    address = f"http://127.0.0.1:{management}"
    server = Server(
        name=f"Replica {number}",
        command=Command(_words(module, "serve"), environment={**os.environ, **ports}),
        folder=folder,
        patience=patience,
        is_ready=lambda _: _answers(f"{address}/readyz"),
        last_words=lambda said: said[-2000:],
        url=f"http://127.0.0.1:{port}",
        log=folder.path / f"replica-{number}.log",
    )
    return server, address


def _command(module: str, *words: str) -> Command:
    return Command(_words(module, *words), environment=dict(os.environ))


def _words(module: str, *words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", module, *words)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=1) as answer:  # noqa: S310 - an address of our own
            return bool(answer.status == _OK)
    except OSError:
        return False


async def _shell(command: str) -> None:
    process = await asyncio.create_subprocess_shell(command, stdin=subprocess.DEVNULL)
    if await process.wait():
        raise CannotStart(f"This hook has failed: {command}")
