"""The ways in which Postgres fails: what a caller is told of them, and under which kind they are counted."""

from dataclasses import dataclass

from asyncpg.exceptions import InterfaceError as DriverError
from asyncpg.exceptions import PostgresError
from prometheus_client import Counter
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout

_READ_ONLY = "25006"
_AWAY = ("08", "28", "3D000", "55000", "57P", "53", "25006", "40001", "40P01", "55P03", "57014", "XX")
_FAILURES = (OSError, TimeoutError, PoolTimeout, PostgresError, DriverError)
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


@dataclass(frozen=True, slots=True)
class Translating:
    """Turns every way in which Postgres can be away into DatabaseAway, counted once; all else is a mistake of ours.

    A class with two methods: as a generator it costs each statement three times as much.
    """

    errors: Counter

    def __enter__(self) -> None:
        """Begin what may fail."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is None:
            return
        cause: BaseException | None = error
        if isinstance(error, DBAPIError):
            cause = error.orig
            is_away = error.connection_invalidated or isinstance(error, InterfaceError) or _is_away(cause)
        else:
            is_away = isinstance(error, _FAILURES) and (not isinstance(error, PostgresError) or _is_away(error))
        if is_away:
            self.errors.labels(failure_kind(error)).inc()
            raise (DatabaseReadOnly if _code(cause) == _READ_ONLY else DatabaseAway) from error


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
