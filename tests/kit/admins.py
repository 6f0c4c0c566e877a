"""Admins made past the service: how operators make one is a test of its own and costs a process."""

import asyncpg
import pytest

from tests.kit.people import Person, new_person
from tests.kit.services import Service


@pytest.fixture
async def admin(service: Service, database: asyncpg.Connection) -> Person:
    """Somebody with the role `admin`."""
    person = await new_person(service, "admin@example.com")
    await database.execute("INSERT INTO user_roles (role, user_id) VALUES ('admin', $1)", person.id)
    return person
