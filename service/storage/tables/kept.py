"""What is kept beside users and sessions: keys, changes, audit, idempotency, the state of the schema."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, SmallInteger, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from service.storage.tables.metadata import Code, Table, Xid8


class SigningKey(Table):
    """A signing key. The private half is sealed; `kid` is bound to it."""

    __tablename__ = "signing_keys"

    kid: Mapped[Code] = mapped_column(primary_key=True)
    algorithm: Mapped[Code]
    sealed_private: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    active_at: Mapped[datetime]
    retired_at: Mapped[datetime | None]


class Change(Table):
    """A fact every replica must hear of. `txid` is the transaction that made it: readers ask their snapshot."""

    __tablename__ = "changes"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    txid: Mapped[int] = mapped_column(Xid8, server_default=text("pg_current_xact_id()"), index=True)
    kind: Mapped[Code]
    subject: Mapped[UUID | None]
    value: Mapped[int] = mapped_column(server_default="0")
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"), index=True)


class AuditEvent(Table):
    """Who did what, when, from where. Ids only: closing an account leaves nothing personal here but the address."""

    __tablename__ = "audit_events"
    __table_args__ = (Index(None, "txid", "id"), Index(None, "user_id", "txid", "id"))

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    txid: Mapped[int] = mapped_column(Xid8, server_default=text("pg_current_xact_id()"))
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    kind: Mapped[Code]
    user_id: Mapped[UUID | None]
    actor_id: Mapped[UUID | None]
    session_id: Mapped[UUID | None]
    address: Mapped[str | None]
    request_id: Mapped[str | None]
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))


class IdempotencyKey(Table):
    """That a request was answered: digests only, so that neither key nor body can be read from here."""

    __tablename__ = "idempotency_keys"

    key_digest: Mapped[bytes] = mapped_column(primary_key=True)
    body_digest: Mapped[bytes]
    status: Mapped[int] = mapped_column(SmallInteger)
    resource_id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"), index=True)


class SchemaState(Table):
    """One row: how far the schema is, and the oldest level a build may need that it still serves."""

    __tablename__ = "schema_state"

    is_only: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    schema_level: Mapped[int]
    compatible_from: Mapped[int]
