"""Users, their roles, and the words they are found by."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from service.storage.tables.metadata import Code, Id, Table


class User(Table):
    """One person. A closed user keeps the row and the id; everything personal is NULL."""

    __tablename__ = "users"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'suspended', 'closed')", name="status"),
        CheckConstraint("(status = 'closed') = (email IS NULL)", name="closed_has_no_email"),
        CheckConstraint("(email IS NULL) = (email_key IS NULL)", name="email_has_a_key"),
        Index(None, "status", text("id DESC")),
    )

    id: Mapped[Id]
    email: Mapped[str | None]
    email_key: Mapped[str | None] = mapped_column(Text(collation="C"), unique=True)
    email_verified: Mapped[bool]
    display_name: Mapped[str | None]
    status: Mapped[Code] = mapped_column(server_default="active")
    password_hash: Mapped[str | None]
    password_scheme: Mapped[Code | None]
    password_version: Mapped[int] = mapped_column(server_default="0")
    epoch: Mapped[int] = mapped_column(server_default="0")
    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))
    updated_at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class UserRole(Table):
    """A role a user has. The key is in this order because admins list users by role."""

    __tablename__ = "user_roles"

    role: Mapped[Code] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)


class UserTerm(Table):
    """A word of a user's address or name, folded, for searching by prefix."""

    __tablename__ = "user_terms"
    __table_args__ = (Index(None, "user_id", "term"),)

    term: Mapped[Code] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
