"""Admins for the tests of users: most of these need one, so the command that makes the first one runs once."""

from dataclasses import dataclass

import asyncpg
import pytest
from uuid_utils.compat import uuid7

from tests.kit.environment import Addresses
from tests.kit.people import Person, SignedIn
from tests.kit.services import Service

EMAIL, RAW_PASSWORD = "first-admin@example.com", "the admin's own password"
KEYS = {"users": "id", "user_roles": "user_id", "user_terms": "user_id"}
KEEP = """
    SELECT jsonb_agg(to_jsonb(kept))::text FROM {table} kept WHERE {key} = (SELECT id FROM users WHERE email = $1)
"""
PUT_BACK = """
    INSERT INTO {table} SELECT (jsonb_populate_record(NULL::{table}, row || jsonb_build_object('{key}', $2::text))).*
    FROM jsonb_array_elements($1::jsonb) row
"""


@dataclass(frozen=True)
class FirstAdmin:
    """The rows that operators' command wrote: of the user, of the roles, of the terms."""

    users: str
    user_roles: str
    user_terms: str


@pytest.fixture(scope="session")
async def first_admin(stores: Addresses) -> FirstAdmin:
    """Make an admin the way operators make the first one, and keep what was written."""
    stores.command("users", "create", EMAIL, "--role", "admin", "--password-file", "-", given=RAW_PASSWORD)
    connection = await asyncpg.connect(stores.database_url)
    rows = [await connection.fetchval(KEEP.format(table=table, key=key), EMAIL) for table, key in KEYS.items()]
    await connection.close()
    return FirstAdmin(*rows)


@pytest.fixture
async def admin(service: Service, database: asyncpg.Connection, first_admin: FirstAdmin) -> Person:
    """The first admin, put back under a new id: replicas remember what they heard of former ones."""
    user_id = str(uuid7())
    for table, key in KEYS.items():
        await database.execute(PUT_BACK.format(table=table, key=key), getattr(first_admin, table), user_id)
    return Person(service, EMAIL, RAW_PASSWORD, user_id)


@pytest.fixture
async def boss(admin: Person) -> SignedIn:
    """The admin, signed in."""
    return await admin.sign_in("the admin's desk")
