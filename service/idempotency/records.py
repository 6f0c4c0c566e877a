"""The SQL of idempotency keys. Nothing here begins or commits a transaction."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import ARRAY, LargeBinary, any_, bindparam, func, literal, select, text
from sqlalchemy.dialects.postgresql import insert

from service.idempotency.promise import Kept, Promise
from service.storage import Connection
from service.storage.statements import statement
from service.storage.tables import IdempotencyKey

# An older key is free again; whoever takes it over takes the row over.
KEPT = timedelta(hours=24)
_OLDEST = func.clock_timestamp() - literal(KEPT)

FIND = statement(
    "idempotency.find",
    select(IdempotencyKey.resource_id, IdempotencyKey.body_digest).where(
        IdempotencyKey.key_digest == any_(bindparam("digests", type_=ARRAY(LargeBinary))),
        IdempotencyKey.created_at > _OLDEST,
    ),
)
CLAIM = statement(
    "idempotency.claim",
    insert(IdempotencyKey)
    .on_conflict_do_update(
        index_elements=[IdempotencyKey.key_digest],
        set_={
            "body_digest": text("excluded.body_digest"),
            "resource_id": text("excluded.resource_id"),
            "created_at": text("excluded.created_at"),
        },
        where=IdempotencyKey.created_at <= _OLDEST,
    )
    .returning(IdempotencyKey.key_digest),
)


async def find(connection: Connection, promised: Promise) -> Kept | None:
    """Find what an earlier request under this key made."""
    row = (await connection.execute(FIND, {"digests": list(promised.key_digests)})).first()
    return Kept(row.resource_id, row.body_digest) if row else None


async def claim(connection: Connection, promised: Promise, resource_id: UUID, status: int) -> bool:
    """Take the key, before the resource is made; False when another request has it (its commit was waited for)."""
    row = {
        "key_digest": promised.key_digests[0],
        "body_digest": promised.body_digests[0],
        "resource_id": resource_id,
        "status": status,
    }
    return (await connection.execute(CLAIM, row)).first() is not None
