"""The SQL of changes. Nothing here begins or commits a transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, insert, text

from service.changes.messages import KNOWN, Change, Kind
from service.storage import Connection
from service.storage.statements import statement
from service.storage.tables import Change as ChangeRow

APPEND = statement("changes.append", insert(ChangeRow))

# Each row exactly once, however late its transaction commits: what the last snapshot could not see, this one may.
POLL = statement(
    "changes.poll",
    text("""
        SELECT pg_current_snapshot()::text AS snapshot, pg_postmaster_start_time() AS started_at,
               clock_timestamp() AS now, c.created_at, c.kind, c.subject, c.value
        FROM (SELECT 1) o
        LEFT JOIN changes c ON c.txid >= pg_snapshot_xmin(CAST(CAST(:seen AS text) AS pg_snapshot))
                           AND NOT pg_visible_in_snapshot(c.txid, CAST(CAST(:seen AS text) AS pg_snapshot))
    """),
)
LOAD = statement(
    "changes.load",
    text("""
        SELECT pg_current_snapshot()::text AS snapshot, pg_postmaster_start_time() AS started_at,
               clock_timestamp() AS now, c.created_at, c.kind, c.subject, c.value
        FROM (SELECT 1) o LEFT JOIN changes c ON c.created_at > clock_timestamp() - CAST(:kept AS interval)
    """),
)


@dataclass(frozen=True, slots=True)
class Heard:
    """One poll's answer: the changes with when each was made, and where the next poll goes on."""

    changes: list[tuple[Change, datetime]]
    snapshot: str
    server_started_at: datetime
    database_time: datetime

    @property
    def oldest_running(self) -> int:
        return int(self.snapshot.split(":")[0])

    def continues(self, earlier: "Heard") -> bool:
        """Tell whether the same run of the server said this, and its time went on."""
        is_same_run = self.server_started_at == earlier.server_started_at
        return is_same_run and self.oldest_running >= earlier.oldest_running


async def append(connection: Connection, *changes: Change) -> None:
    """Write changes in the transaction that makes them."""
    rows = [{"kind": change.kind, "subject": change.subject, "value": change.value} for change in changes]
    if rows:
        await connection.execute(APPEND, rows)


async def poll(connection: Connection, seen: str) -> Heard:
    """Read what has become visible since the snapshot `seen`."""
    return _heard((await connection.execute(POLL, {"seen": seen})).all())


async def load(connection: Connection, kept: timedelta) -> Heard:
    """Read everything that is still relevant."""
    return _heard((await connection.execute(LOAD, {"kept": kept})).all())


def _heard(rows: Sequence[Row[*tuple[Any, ...]]]) -> Heard:
    changes = [(Change(Kind(row.kind), row.subject, row.value), row.created_at) for row in rows if row.kind in KNOWN]
    first = rows[0]
    return Heard(changes, first.snapshot, first.started_at, first.now)
