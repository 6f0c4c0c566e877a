"""Two replicas with the deadlines they ship with, on stores of their own that may be killed, behind faults."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from local import stores as local_stores
from service.settings import Settings
from tests.kit.admins import admin
from tests.kit.environment import Addresses
from tests.kit.services import Service, running_service
from tests.kit.waiting import eventually
from tests.outages.behind import Behind, reaches_both_stores
from tests.outages.ways import Store

__all__ = ["admin"]

# What tests/kit/environment.py loosens for everybody else.
_LOOSENED = (
    "database_timeout",
    "database_connect_timeout",
    "database_wait",
    "redis_timeout",
    "hash_wait",
    "changes_late",
)
MANY = "100000/s"
WELL_SECONDS = 10.0
SETTINGS = {
    **{f"SIGNET_{name.upper()}": f"{Settings.model_fields[name].default.total_seconds()}s" for name in _LOOSENED},
    # Limits are on, so that Redis is asked for them; all come from one address.
    "SIGNET_LIMITS": "on",
    "SIGNET_LIMIT_SIGN_IN_ACCOUNT": MANY,
    "SIGNET_LIMIT_SIGN_IN_ADDRESS": MANY,
    "SIGNET_LIMIT_REGISTRATION": MANY,
    "SIGNET_LIMIT_REFRESH": MANY,
    "SIGNET_LIMIT_CALLER": MANY,
}
# What the second replica holds in memory is soon outdated.
FORGETFUL = {"SIGNET_NEAR_TTL": "100ms"}
MAX_CONNECTIONS = 50


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """A Postgres and a Redis of this module's own; tests look at them past the network."""
    if os.environ.get("SIGNET_DATABASE_URL") and os.environ.get("SIGNET_REDIS_URL"):
        pytest.skip("the stores were given by SIGNET_DATABASE_URL and SIGNET_REDIS_URL: they are not ours to kill")
    folder = tmp_path_factory.mktemp("stores")
    with local_stores.running(folder, durable=False, max_connections=MAX_CONNECTIONS) as running:
        own = Addresses(running.postgres.url, running.valkey.url, running)
        own.migrate()
        yield own


@pytest.fixture(scope="module")
async def behind(stores: Addresses) -> AsyncIterator[Behind]:
    """Both stores, and the network in front of each."""
    assert stores.local is not None
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(_reached(Store(stores.local.postgres, stores.local)))
        redis = await stack.enter_async_context(_reached(Store(stores.local.valkey, stores.local)))
        environment = replace(stores, database_url=postgres.proxy.through, redis_url=redis.proxy.through)
        yield Behind(environment, postgres, redis, SETTINGS)


@pytest.fixture(scope="module")
async def replicas_behind_faults(
    behind: Behind, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Service, Service]]:
    """Two real processes; the near cache of the second one is soon outdated."""
    logs = tmp_path_factory.mktemp("logs")
    async with (
        running_service(behind.stores, logs / "first.log", SETTINGS) as first,
        running_service(behind.stores, logs / "second.log", SETTINGS | FORGETFUL) as second,
    ):
        yield first, second


@pytest.fixture(scope="module")
def replicas(replicas_behind_faults: tuple[Service, Service]) -> tuple[Service, Service]:
    """The replicas that people of tests/conftest.py are made on."""
    return replicas_behind_faults


@pytest.fixture(autouse=True)
async def well(request: pytest.FixtureRequest, emptied: None) -> None:  # noqa: ARG001 - after it was emptied
    """Begin each test with replicas that have come back from what the test before did."""
    if "replicas_behind_faults" not in request.fixturenames:
        return
    for replica in request.getfixturevalue("replicas_behind_faults"):
        await eventually(reaches_both_stores, replica, within=WELL_SECONDS)


@asynccontextmanager
async def _reached(store: Store) -> AsyncIterator[Store]:
    await store.proxy.open()
    try:
        yield store
    finally:
        await store.proxy.close()
