"""Refreshing, and what the database then knows of the session."""

import httpx
from asyncpg import Connection, Record

from tests.kit.people import SignedIn
from tests.kit.services import Caller


async def refresh(service: Caller, refresh_token: str) -> httpx.Response:
    """Present a refresh token."""
    return await service.post("/v1/sessions/refresh", json={"refresh_token": refresh_token})


async def refreshed(service: Caller, refresh_token: str) -> SignedIn:
    """Present a refresh token that is good for another pair."""
    return SignedIn.of(await refresh(service, refresh_token))


async def session_row(database: Connection, session_id: str) -> Record:
    """Read the row of a session; `xmin` tells which transaction wrote it last."""
    row: Record | None = await database.fetchrow(
        "SELECT *, xmin::text AS written_by FROM sessions WHERE id = $1", session_id
    )
    assert row is not None
    return row


async def running_sessions(database: Connection, user_id: str) -> set[str]:
    """Ids of the sessions of a user that nobody has ended."""
    rows = await database.fetch("SELECT id FROM sessions WHERE user_id = $1 AND ended_at IS NULL", user_id)
    return {str(row["id"]) for row in rows}


async def audited(database: Connection, kind: str, session_id: str) -> int:
    """Count the audit events of a kind about a session."""
    count = await database.fetchval(
        "SELECT count(*) FROM audit_events WHERE kind = $1 AND session_id = $2", kind, session_id
    )
    return int(count)
