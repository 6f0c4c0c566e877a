"""A crowd of users, loaded by COPY past the service: what a directory looks like after some years."""

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from service.users.terms import terms_of

_FIRST = (
    "Ada",
    "Alan",
    "Grace",
    "Edsger",
    "Barbara",
    "Donald",
    "Frances",
    "Ken",
    "Margaret",
    "Niklaus",
    "Radia",
    "Tim",
)
_LAST = ("Hopper", "Kay", "Knuth", "Lamport", "Liskov", "Lovelace", "Perlman", "Ritchie", "Thompson", "Turing", "Wirth")
_CLOSED, _SUSPENDED = 0.04, 0.01
_SHARES = {"admin": 0.0005, "member": 0.9, "support": 0.02}
_BEGAN = datetime(2020, 1, 1, tzinfo=UTC)
_LOADED = ("users", "user_roles", "user_terms")
_FOREIGN_KEYS = """
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname),
           format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE conrelid = ANY($1::regclass[]) AND contype = 'f'
"""


@dataclass(frozen=True)
class Member:
    """One user of the crowd. Few are suspended, some closed; nearly everybody is a member, hardly anybody an admin."""

    id: UUID
    email: str | None
    name: str | None
    status: str
    roles: tuple[str, ...]


def crowd(size: int) -> Iterator[Member]:
    """Make up users, the same ones each time, oldest first."""
    chance = random.Random(size)
    for number in range(size):
        user_id = _id_of(_BEGAN + timedelta(minutes=number), chance)
        lot = chance.random()
        if lot < _CLOSED:
            yield Member(user_id, None, None, "closed", ())
            continue
        status = "suspended" if lot < _CLOSED + _SUSPENDED else "active"
        name = f"{chance.choice(_FIRST)} {chance.choice(_LAST)}"
        roles = tuple(role for role, share in _SHARES.items() if chance.random() < share)
        yield Member(user_id, f"user{number}@example.com", name, status, roles)


def _id_of(instant: datetime, chance: random.Random) -> UUID:
    """Make a UUIDv7 (RFC 9562, 5.7) of an instant."""
    milliseconds = int(instant.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | chance.getrandbits(12) << 64 | 2 << 62 | chance.getrandbits(62))


async def load(connection: asyncpg.Connection, size: int) -> None:
    """Fill the tables of users with a crowd; foreign keys are off while loading and checked at once behind it."""
    users, roles, terms = io.StringIO(), io.StringIO(), io.StringIO()
    for member in crowd(size):
        email, name = member.email or r"\N", member.name or r"\N"
        users.write(f"{member.id}\t{email}\t{email}\tf\t{name}\t{member.status}\n")
        roles.writelines(f"{role}\t{member.id}\n" for role in member.roles)
        terms.writelines(f"{term}\t{member.id}\n" for term in terms_of(member.email, member.name))
    foreign_keys = await connection.fetch(_FOREIGN_KEYS, list(_LOADED))
    for off, _ in foreign_keys:
        await connection.execute(off)
    columns = ["id", "email", "email_key", "email_verified", "display_name", "status"]
    await _copy(connection, "users", columns, users)
    await _copy(connection, "user_roles", ["role", "user_id"], roles)
    await _copy(connection, "user_terms", ["term", "user_id"], terms)
    for _, on in foreign_keys:
        await connection.execute(on)
    for table in _LOADED:
        await connection.execute(f"VACUUM (ANALYZE) {table}")


async def _copy(connection: asyncpg.Connection, table: str, columns: list[str], lines: io.StringIO) -> None:
    source = io.BytesIO(lines.getvalue().encode())
    await connection.copy_to_table(table, columns=columns, source=source)
