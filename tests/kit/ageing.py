"""Ageing: what the database's clock decides is tested by moving the rows into the past, never by waiting."""

from datetime import timedelta

import asyncpg

GRACE = timedelta(seconds=30)
IDLE = timedelta(days=30)
AGE = timedelta(days=90)
A_MOMENT = timedelta(seconds=1)


async def age(database: asyncpg.Connection, session_id: str, by: timedelta) -> None:
    """Shift all instants of a session into the past, as if it had stood unused for this long."""
    done = await database.execute(
        "UPDATE sessions SET created_at = created_at - $2::interval, rotated_at = rotated_at - $2 WHERE id = $1",
        session_id,
        by,
    )
    assert done == "UPDATE 1", f"no session {session_id}"
