"""The ways in which Postgres fails: what a caller is told of them, and under which kind they are counted."""

from collections.abc import Iterator
from contextlib import contextmanager

from asyncpg.exceptions import InterfaceError as DriverError
from asyncpg.exceptions import PostgresError
from prometheus_client import Counter
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout

_READ_ONLY = "25006"
_AWAY = ("08", "28", "3D000", "55000", "57P", "53", "25006", "40001", "40P01", "55P03", "57014", "XX")
# The first that fits names the kind; by SQLSTATE (PostgreSQL, appendix A).
_KINDS = (
    ("25006", "read_only"),
    ("53300", "too_many_connections"),
    ("57014", "timeout"),
    ("55P03", "timeout"),
    ("40", "conflict"),
    ("08", "connection"),
    ("28", "connection"),
    ("57P", "connection"),
)


class DatabaseAway(Exception):  # noqa: N818 - it says what is the matter
    """Postgres did not answer in time, refused the connection, or can't write now. Nothing was half-written."""


class DatabaseReadOnly(DatabaseAway):
    """The server that answers can't write."""


class DatabaseBusy(DatabaseAway):
    """Every connection of this process was in use for longer than a request may wait."""


@contextmanager
def translated(errors: Counter) -> Iterator[None]:
    """Turn every way in which Postgres can be away into DatabaseAway, counted once; else it is a mistake of ours."""
    try:
        yield
    except DBAPIError as error:
        if not (error.connection_invalidated or isinstance(error, InterfaceError) or _is_away(error.orig)):
            raise
        errors.labels(failure_kind(error)).inc()
        raise (DatabaseReadOnly if _code(error.orig) == _READ_ONLY else DatabaseAway) from error
    except (OSError, TimeoutError, PoolTimeout, PostgresError, DriverError) as error:
        if isinstance(error, PostgresError) and not _is_away(error):
            raise
        errors.labels(failure_kind(error)).inc()
        raise (DatabaseReadOnly if _code(error) == _READ_ONLY else DatabaseAway) from error


def _is_away(error: BaseException | None) -> bool:
    return _code(error).startswith(_AWAY) or isinstance(getattr(error, "__cause__", None), OSError | TimeoutError)


def _code(error: BaseException | None) -> str:
    return getattr(error, "sqlstate", None) or ""


def failure_kind(error: BaseException) -> str:
    """Name the way in which Postgres failed, as metrics count it."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    for code, kind in _KINDS:
        if _code(cause).startswith(code):
            return kind
    # A TimeoutError is an OSError too.
    if isinstance(cause, TimeoutError | PoolTimeout) or isinstance(getattr(cause, "__cause__", None), TimeoutError):
        return "timeout"
    return "other" if _code(cause) else "connection"
