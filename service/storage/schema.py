"""Which schema this build needs, and whether the database's is usable."""

from typing import Any

from asyncpg.exceptions import UndefinedTableError
from sqlalchemy import Row, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from service.storage.statements import statement

# The level this build's statements need. A migration raises `schema_level` to its own number and `compatible_from`
# to the oldest level whose builds still run on the result (expand, then contract a release later).
NEEDED_LEVEL = 1

STATE = statement("schema.state", text("SELECT schema_level, compatible_from FROM schema_state"))


async def find_fault(connection: AsyncConnection) -> str | None:
    """Say in a sentence why this build can't run on the database's schema; None when it can."""
    row = await _find_state(connection)
    if row is None:
        return "the database has no schema yet: run `python -m service migrate`"
    if row.schema_level < NEEDED_LEVEL:
        return f"the schema is at level {row.schema_level}, not {NEEDED_LEVEL}: run `python -m service migrate`"
    if row.compatible_from > NEEDED_LEVEL:
        return f"the schema needs builds of level {row.compatible_from}, this one is of {NEEDED_LEVEL}: upgrade it"
    return None


async def is_too_new(connection: AsyncConnection) -> bool:
    """Tell whether a newer build has moved the schema past what this build can run on; migrating does not help."""
    row = await _find_state(connection)
    return row is not None and row.compatible_from > NEEDED_LEVEL


async def _find_state(connection: AsyncConnection) -> Row[Any] | None:
    try:
        return (await connection.execute(STATE)).one_or_none()
    except UndefinedTableError:
        return None
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != UndefinedTableError.sqlstate:
            raise
        return None
