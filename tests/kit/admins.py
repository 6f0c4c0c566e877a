"""Admins made past the service: how operators make one is a test of its own and costs a process."""

import asyncpg
import pytest

from tests.kit.people import Person, new_person
from tests.kit.services import Service


@pytest.fixture
async def admin(service: Service, database: asyncpg.Connection) -> Person:
    """Somebody with the role `admin`."""
    return await new_admin(service, database, "admin@example.com")


async def new_admin(service: Service, database: asyncpg.Connection, email: str) -> Person:
    """Register somebody and give the role."""
    person = await new_person(service, email)
    await database.execute("INSERT INTO user_roles (role, user_id) VALUES ('admin', $1)", person.id)
    return person
