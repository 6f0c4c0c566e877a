"""The scene: two replicas behind faults, Prometheus looking on, and the exporters of the stores where installed."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.kit.environment import Addresses
from tests.kit.otlp import collecting
from tests.kit.programs import ROOT
from tests.kit.services import Service, free_ports, running_service
from tests.kit.watching import Prometheus, Target, watching
from tests.outages.ways import Store

# Small where a test has to reach a bound, and otherwise what tests/kit/environment.py says.
MANY = "100000/s"
LOAD_TEST_ENDS_WITHIN = 60.0
SETTINGS = {
    # Limits are on; all come from one address.
    "SIGNET_LIMITS": "on",
    "SIGNET_LIMIT_SIGN_IN_ADDRESS": MANY,
    "SIGNET_LIMIT_REGISTRATION": MANY,
    "SIGNET_LIMIT_CALLER": MANY,
    "SIGNET_DATABASE_POOL": "3",
    "SIGNET_DATABASE_WAIT": "300ms",
    "SIGNET_DATABASE_TIMEOUT": "800ms",
    "SIGNET_DATABASE_CONNECT_TIMEOUT": "500ms",
    "SIGNET_REDIS_TIMEOUT": "100ms",
    "SIGNET_HASH_THREADS": "1",
    "SIGNET_HASH_QUEUE": "4",
    "SIGNET_NEAR_TTL": "1s",
    "SIGNET_NEAR_ENTRIES": "8",
    "SIGNET_CHANGES_LATE": "2s",
    "SIGNET_HOUSEKEEPING": "1s",
    "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
    "OTEL_TRACES_SAMPLER_ARG": "1",
}
# The second replica would rather refuse than not know of a revocation.
CAUTIOUS = {"SIGNET_REVOCATION_MAX_AGE": "3s"}


@dataclass(frozen=True)
class Watched:
    """Everything that is watched. The first replica reaches Postgres past the faults, the second through them."""

    first: Service
    second: Service
    postgres: Store
    redis: Store
    prometheus: Prometheus
    # Where a load test is to tell how it goes.
    loadtest_port: int

    @property
    def replicas(self) -> tuple[Service, Service]:
        return self.first, self.second


@asynccontextmanager
async def scene(stores: Addresses, folder: Path) -> AsyncIterator[Watched]:
    """Start everything, and stop it after the block."""
    assert stores.local is not None
    postgres, redis = Store(stores.local.postgres, stores.local), Store(stores.local.valkey, stores.local)
    async with AsyncExitStack() as stack:
        for store in (postgres, redis):
            await store.proxy.open()
            stack.push_async_callback(store.proxy.close)
        collector = stack.enter_context(collecting())
        settings = SETTINGS | {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        near = replace(stores, redis_url=redis.proxy.through)
        far = replace(near, database_url=postgres.proxy.through)
        first = await stack.enter_async_context(running_service(near, folder / "first.log", settings))
        second = await stack.enter_async_context(running_service(far, folder / "second.log", settings | CAUTIOUS))
        replicas = [
            Target("signet", f"signet-{number}", service.management_url.removeprefix("http://"))
            for number, service in enumerate((first, second))
        ]
        exported = stack.enter_context(exporters(stores, folder))
        (port,) = free_ports(1)
        loadtest = Target("signet-loadtest", "signet-loadtest-0", f"127.0.0.1:{port}", comes_later=True)
        prometheus = await stack.enter_async_context(watching(folder, [*replicas, *exported, loadtest]))
        yield Watched(first, second, postgres, redis, prometheus, port)


@asynccontextmanager
async def load_test(watched: Watched, stores: Addresses, folder: Path, length: float) -> AsyncIterator[None]:
    """Let a load test run beside the block, watched by Prometheus; wait for its end afterwards."""
    words = [word for each in watched.replicas for word in ("--host", each.url, "--metrics", each.management_url)]
    words += ["--length", str(length), "--tell", str(watched.loadtest_port), "--reports", str(folder / "reports")]
    with (folder / "loadtest.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "loadtests", "run", "warm-cache", *words),
            cwd=ROOT, env=stores.environment(), stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield
            # On a busy machine the verdict may be any; there has to be one.
            await asyncio.wait_for(process.wait(), LOAD_TEST_ENDS_WITHIN)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert list((folder / "reports").glob("*.json")), (folder / "loadtest.log").read_text(encoding="utf-8")


@contextmanager
def exporters(stores: Addresses, folder: Path) -> Iterator[list[Target]]:
    """Run the exporters of both stores, those that are installed."""
    assert stores.local is not None
    ports = free_ports(2)
    known = {
        "prometheus-postgres-exporter": {"DATA_SOURCE_NAME": f"{stores.local.superuser_url}?sslmode=disable"},
        "prometheus-redis-exporter": {"REDIS_ADDR": stores.redis_url},
    }
    with ExitStack() as stack:
        targets = []
        for (name, environment), port in zip(known.items(), ports, strict=True):
            if (found := shutil.which(name)) is None:
                continue
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            words = [found, f"--web.listen-address=127.0.0.1:{port}"]
            process = stack.enter_context(subprocess.Popen(words, env=environment, stdout=log, stderr=log))
            stack.callback(process.terminate)
            targets.append(Target(name.removeprefix("prometheus-"), name, f"127.0.0.1:{port}"))
        yield targets
