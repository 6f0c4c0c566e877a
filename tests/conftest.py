"""What every test stands on: real stores, two real replicas, people. State is emptied, not rolled back."""

import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import pytest

from tests.kit.environment import Addresses, addresses
from tests.kit.people import Person, new_person
from tests.kit.services import Service, running_pair, running_service

TABLES = "users, user_roles, user_terms, sessions, changes, audit_events, idempotency_keys"


def pytest_xdist_auto_num_workers() -> int:
    """Use a worker more than there are processors: tests wait for replicas and stores more than they compute."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of one folder in one worker: its replicas are started there and nowhere else."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.parent.name))


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[Addresses]:
    """A Postgres and a Redis of this test worker's own, migrated."""
    with addresses(tmp_path_factory.mktemp("stores"), worker_id) as own:
        own.migrate()
        yield own


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    """Name of the xdist worker, also without xdist."""
    return str(getattr(request.config, "workerinput", {}).get("workerid", "main"))


@pytest.fixture(scope="session")
async def replicas(
    stores: Addresses, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Service, Service]]:
    """Two real processes on the same stores."""
    logs = tmp_path_factory.mktemp("logs")
    async with running_pair(stores, logs) as pair:
        yield pair


@pytest.fixture
def service(replicas: tuple[Service, Service]) -> Service:
    """One of the replicas."""
    return replicas[0]


@pytest.fixture
async def start_service(stores: Addresses, tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Service]]]:
    """Start a further replica with other settings: `await start_service(SIGNET_REGISTRATION="closed")`."""
    async with AsyncExitStack() as stack:

        async def start(**settings: str) -> Service:
            log = tmp_path / f"{secrets.token_hex(4)}.log"
            return await stack.enter_async_context(running_service(stores, log, settings))

        yield start


@pytest.fixture
async def database(stores: Addresses) -> AsyncIterator[asyncpg.Connection]:
    """A connection past the service: for looking, and for ageing rows."""
    connection = await asyncpg.connect(stores.database_url)
    yield connection
    await connection.close()


@pytest.fixture(autouse=True)
async def emptied(request: pytest.FixtureRequest) -> None:
    """Begin each test that uses the stores without users; signing keys stay."""
    if not {"stores", "replicas", "service", "start_service", "database"} & set(request.fixturenames):
        return
    own: Addresses = request.getfixturevalue("stores")
    connection = await asyncpg.connect(own.database_url)
    await connection.execute(f"TRUNCATE {TABLES}")
    await connection.close()
    await own.flush_redis()


@pytest.fixture
async def ada(service: Service) -> Person:
    """Somebody with an account."""
    return await new_person(service, "ada@example.com")


@pytest.fixture
async def eve(service: Service) -> Person:
    """Somebody else with an account."""
    return await new_person(service, "eve@example.com")


@pytest.fixture
async def admin(service: Service, stores: Addresses) -> Person:
    """An admin, made the way operators make the first one."""
    person = Person(service, "admin@example.com", "the admin's own password")
    stores.command("users", "create", person.email, "--role", "admin", "--password-file", "-", given=person.password)
    return await person.known()


@pytest.fixture
def given_environment() -> dict[str, str]:
    """The environment of this test run, without settings of the service."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SIGNET_")}
