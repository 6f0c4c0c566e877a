"""Tables as text: what somebody reads who has got hold of the database."""

import asyncpg


async def dump(database: asyncpg.Connection, table: str) -> str:
    """Write every column of every row of a table."""
    sql = f"SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]')::text FROM {table} t"  # noqa: S608 - the test's own words
    return str(await database.fetchval(sql))
