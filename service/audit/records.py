"""The SQL of the audit trail. Nothing here begins or commits a transaction."""

from sqlalchemy import insert

from service.audit.events import Event
from service.storage import Connection
from service.storage.statements import statement
from service.storage.tables import AuditEvent
from service.telemetry import facts

WRITE = statement("audit.write", insert(AuditEvent))


async def write(connection: Connection, event: Event) -> None:
    """Write an event in the transaction it tells of; address and request id are those of the request at hand."""
    gathered = facts.current()
    row = {
        "kind": event.kind,
        "user_id": event.user_id,
        "actor_id": event.actor_id,
        "session_id": event.session_id,
        "address": gathered.address or None,
        "request_id": gathered.request_id or None,
        "details": dict(event.details),
    }
    await connection.execute(WRITE, row)
