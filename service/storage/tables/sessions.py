"""Sessions: one row each, however long it lives and however often its token rotates."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from service.storage.tables.metadata import Code, Id, Table


class Session(Table):
    """One sign-in on one device. The refresh token is not stored: its MAC proves it, `generation` dates it."""

    __tablename__ = "sessions"
    __table_args__ = (
        Index(
            "ix_sessions_user_id_created_at_live", "user_id", "created_at", postgresql_where=text("ended_at IS NULL")
        ),
        Index(None, "created_at"),
    )

    id: Mapped[Id]
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    generation: Mapped[int] = mapped_column(server_default="0")
    device: Mapped[str | None]
    address: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    rotated_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[Code | None]
