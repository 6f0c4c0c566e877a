"""The SQL of the audit trail. Nothing here begins or commits a transaction."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import CTE, Text, bindparam, insert, select
from sqlalchemy.dialects.postgresql import JSONB

from service.audit.events import Event, Kind
from service.storage import Connection
from service.storage.statements import statement
from service.storage.tables import AuditEvent
from service.telemetry import facts

WRITE = statement("audit.write", insert(AuditEvent))


async def write(connection: Connection, event: Event) -> None:
    """Write an event in the transaction it tells of; address and request id are those of the request at hand."""
    row = {
        "kind": event.kind,
        "user_id": event.user_id,
        "actor_id": event.actor_id,
        "session_id": event.session_id,
        "details": dict(event.details),
    }
    await connection.execute(WRITE, row | _origin())


def noting(sessions: CTE) -> CTE:
    """Build the part of a statement that writes an event about sessions, which its other part gives, by their users.

    Its parameters are those of `parameters`.
    """
    columns = sessions.c
    given = (
        bindparam("event_address", type_=Text),
        bindparam("event_request_id", type_=Text),
        bindparam("event_details", type_=JSONB),
    )
    rows = select(bindparam("event_kind", type_=Text), columns.user_id, columns.user_id, columns.id, *given)
    names = ["kind", "user_id", "actor_id", "session_id", "address", "request_id", "details"]
    return insert(AuditEvent).from_select(names, rows).cte("noted")


def parameters(kind: Kind, details: Mapping[str, int]) -> dict[str, Any]:
    """Give what a statement with `noting` in it asks for."""
    return {f"event_{name}": value for name, value in {"kind": kind, "details": details, **_origin()}.items()}


def _origin() -> dict[str, Any]:
    gathered = facts.current()
    return {"address": gathered.address or None, "request_id": gathered.request_id or None}
