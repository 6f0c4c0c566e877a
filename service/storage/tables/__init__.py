"""The tables, typed. One naming convention for every constraint and index."""

from service.storage.tables.kept import AuditEvent, Change, IdempotencyKey, SchemaState, SigningKey
from service.storage.tables.metadata import Table
from service.storage.tables.sessions import Session
from service.storage.tables.users import User, UserRole, UserTerm

__all__ = [
    "AuditEvent",
    "Change",
    "IdempotencyKey",
    "SchemaState",
    "Session",
    "SigningKey",
    "Table",
    "User",
    "UserRole",
    "UserTerm",
]
