"""Opening connections to Postgres, and letting go of those that broke without waiting for them."""

from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import cast
from uuid import uuid4

import asyncpg
from sqlalchemy import PoolProxiedConnection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry

from service.settings import Settings

_DOUBT_SECONDS = 1.0
# As many of each connection stay prepared; SQLAlchemy keeps those of transactions itself.
_STATEMENTS = 100


class PromptConnection(asyncpg.Connection):
    """A connection that never makes anybody wait for its end: what hangs, hangs up.

    SQLAlchemy closes a broken connection politely, for up to two seconds, on the path of the request that found it.
    """

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - the driver's signature
        self.terminate()  # type: ignore[no-untyped-call]


async def connect(settings: Settings) -> asyncpg.Connection:
    """Open a connection; the address is read again each time, so that a rotated password is used at once."""
    connection: asyncpg.Connection = await asyncpg.connect(
        settings.database_dsn(),
        timeout=settings.database_connect_timeout.total_seconds(),
        command_timeout=settings.database_timeout.total_seconds(),
        server_settings=_server_settings(settings),
        # Behind a pooler a statement that was prepared may be on another server connection the next time.
        statement_cache_size=0 if settings.database_pooler == "transaction" else _STATEMENTS,
        connection_class=PromptConnection,
    )
    return connection


@dataclass(slots=True)
class Trust:
    """Which connections are handed out: none that has ended, none from before the last doubt.

    A write can't be tried again, and need not fail for a connection that is known to be of no use.
    """

    doubted_at: float = float("-inf")

    def doubt(self) -> None:
        """Have every connection opened anew before its next use; not more often than a server can bear."""
        if monotonic() - self.doubted_at > _DOUBT_SECONDS:
            self.doubted_at = monotonic()

    def watch(self, engine: AsyncEngine) -> None:
        event.listen(engine.sync_engine, "connect", self._note)
        event.listen(engine.sync_engine, "checkout", self._look)

    def covers(self, driver: asyncpg.Connection, opened: float) -> bool:
        """Tell whether a connection may be used again. When it has ended, its neighbours were most likely lost too."""
        if driver.is_closed():
            self.doubt()
            return False
        return opened >= self.doubted_at

    def _note(self, _connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        entry.info["opened_at"] = monotonic()

    def _look(self, _connection: DBAPIConnection, _entry: ConnectionPoolEntry, lent: PoolProxiedConnection) -> None:
        if not self.covers(cast("asyncpg.Connection", lent.driver_connection), opened_at(lent)):
            # The pool opens another one and goes on.
            raise InvalidatePoolError("it is of no use")


def opened_at(lent: PoolProxiedConnection) -> float:
    """Tell when a connection was opened, on the clock of `monotonic`."""
    return float(lent.info["opened_at"])


def pooler_options(settings: Settings) -> dict[str, object]:
    """Tell the dialect what a pooler asks for."""
    if settings.database_pooler == "none":
        return {}
    # Behind PgBouncer a prepared statement belongs to a server connection that the next statement may not get.
    return {"prepared_statement_cache_size": 0, "prepared_statement_name_func": lambda: f"signet_{uuid4().hex}"}


def _server_settings(settings: Settings) -> dict[str, str]:
    """Set the same deadlines on the server's side; a pooler would refuse them as unknown start-up parameters."""
    if settings.database_pooler == "transaction":
        return {"application_name": "signet"}
    return {
        "application_name": "signet",
        # Whatever role, database or server have as theirs: statements after a lock was waited for see what it hid.
        "default_transaction_isolation": "read committed",
        "statement_timeout": _milliseconds(settings.database_timeout),
        "lock_timeout": _milliseconds(settings.database_timeout),
        "idle_in_transaction_session_timeout": _milliseconds(5 * settings.database_timeout),
    }


def _milliseconds(length: timedelta) -> str:
    return str(round(length.total_seconds() * 1000))
