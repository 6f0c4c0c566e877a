"""Stores of a test's own on the worker's servers: a migrated database that holds nothing, not even a signing key."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest

from tests.kit.environment import Addresses


@pytest.fixture(scope="session")
def migrated_template(stores: Addresses) -> Iterator[str]:
    """Name a migrated database that nobody is connected to, for Postgres to copy."""
    name = f"signet_template_{secrets.token_hex(4)}"
    asyncio.run(stores.administer(f"CREATE DATABASE {name} OWNER {stores.owner}"))
    stores.with_database(name).migrate()
    yield name
    asyncio.run(stores.administer(f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def fresh_stores(stores: Addresses, migrated_template: str) -> AsyncIterator[Addresses]:
    """A database of this test's own: migrated, without users, without signing keys. Redis is the worker's."""
    name = f"signet_fresh_{secrets.token_hex(4)}"
    await stores.administer(f"CREATE DATABASE {name} TEMPLATE {migrated_template} OWNER {stores.owner}")
    yield stores.with_database(name)
    await stores.administer(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def bare_stores(stores: Addresses) -> AsyncIterator[Addresses]:
    """A database of this test's own that nobody has migrated."""
    name = f"signet_bare_{secrets.token_hex(4)}"
    await stores.administer(f"CREATE DATABASE {name} OWNER {stores.owner}")
    yield stores.with_database(name)
    await stores.administer(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def fresh_database(fresh_stores: Addresses) -> AsyncIterator[asyncpg.Connection]:
    """A connection past the service to the test's own database."""
    connection = await asyncpg.connect(fresh_stores.database_url)
    yield connection
    await connection.close()
