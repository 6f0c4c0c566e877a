"""The SQL of housekeeping. Nothing here begins or commits a transaction."""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import Interval, bindparam, text

from service.storage import Connection
from service.storage.statements import statement

_LOCK = 0x5167_6E65_7400_0004
BATCH = 1000

TRY_LOCK = statement("housekeeping.try_lock", text(f"SELECT pg_try_advisory_xact_lock({_LOCK})"))
# Every table has an index on `created_at`, and nothing in it is needed beyond an age.
DELETES = {
    table: statement(
        f"housekeeping.{table}",
        text(f"""
            DELETE FROM {table} WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM {table} WHERE created_at < clock_timestamp() - :kept
                ORDER BY created_at LIMIT {BATCH} FOR UPDATE SKIP LOCKED))
        """).bindparams(bindparam("kept", type_=Interval)),  # noqa: S608 - assembled from constants
    )
    for table in ("sessions", "changes", "idempotency_keys", "audit_events")
}


async def is_first(connection: Connection) -> bool:
    """Tell whether no other replica tidies just now; the lock goes with the transaction."""
    return bool(await connection.scalar(TRY_LOCK))


async def delete_older(connection: Connection, kept: Mapping[str, timedelta]) -> dict[str, int]:
    """Delete a batch of what is older than it is kept, for each table; gives how many rows went."""
    return {
        table: (await connection.execute(DELETES[table], {"kept": length})).rowcount for table, length in kept.items()
    }
