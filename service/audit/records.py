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
    where_from = origin()
    row = {
        "kind": event.kind,
        "user_id": event.user_id,
        "actor_id": event.actor_id,
        "session_id": event.session_id,
        "address": where_from["event_address"],
        "request_id": where_from["event_request_id"],
        "details": dict(event.details),
    }
    await connection.execute(WRITE, row)


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
    return {"event_kind": kind, "event_details": details, **origin()}


def origin() -> dict[str, str | None]:
    """Give address and id of the request at hand, as parameters of a statement that writes an event."""
    gathered = facts.current()
    return {"event_address": gathered.address or None, "event_request_id": gathered.request_id or None}
