"""The SQL of housekeeping. Nothing here begins or commits a transaction."""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import Interval, bindparam, text

from service.storage import Connection
from service.storage.statements import statement

_LOCK = 0x5167_6E65_7400_0004
BATCH = 1000

TRY_LOCK = statement("housekeeping.try_lock", text(f"SELECT pg_try_advisory_xact_lock({_LOCK})"))
# These have an index on `created_at`, and nothing in them is needed beyond an age.
_BY_AGE = {
    table: f"""
        DELETE FROM {table} WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM {table} WHERE created_at < clock_timestamp() - :kept
            ORDER BY created_at LIMIT {BATCH} FOR UPDATE SKIP LOCKED))
    """  # noqa: S608 - assembled from constants
    for table in ("sessions", "changes", "idempotency_keys")
}
# The largest table has no such index, but ids that rise with time: only its first rows can be old.
_BY_ID = f"""
    DELETE FROM audit_events WHERE id = ANY(ARRAY(
        SELECT id FROM (SELECT id, created_at FROM audit_events ORDER BY id LIMIT {BATCH}) first
        WHERE created_at < clock_timestamp() - :kept))
"""  # noqa: S608
DELETES = {
    table: statement(f"housekeeping.{table}", text(words).bindparams(bindparam("kept", type_=Interval)))
    for table, words in {**_BY_AGE, "audit_events": _BY_ID}.items()
}


async def is_first(connection: Connection) -> bool:
    """Tell whether no other replica tidies just now; the lock goes with the transaction."""
    return bool(await connection.scalar(TRY_LOCK))


async def delete_older(connection: Connection, kept: Mapping[str, timedelta]) -> dict[str, int]:
    """Delete a batch of what is older than it is kept, for each table; gives how many rows went."""
    return {
        table: (await connection.execute(DELETES[table], {"kept": length})).rowcount for table, length in kept.items()
    }
