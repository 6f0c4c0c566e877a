"""Logs: one JSON line for each request and each event of the service's life, on standard output."""

import logging
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from time import time
from typing import Any, TextIO

import orjson

from service.telemetry import facts
from service.telemetry.console import Console

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_FRAMES = 8
_STANDARD = frozenset(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {
    "message",
    "asctime",
    "color_message",
}


class JsonFormatter(logging.Formatter):
    """One line of JSON. Fields given by `extra=` stand beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": instant(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_ids(),
            **_extra(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class ConsoleFormatter(logging.Formatter):
    """Short lines for people."""

    def __init__(self, *, is_coloured: bool) -> None:
        super().__init__()
        self._console = Console(is_coloured=is_coloured)

    def format(self, record: logging.LogRecord) -> str:
        line = self._console.event(record, instant(record.created), _extra(record))
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class RequestLog:
    """Writes the one line of each request, past `logging`, which costs five times as much (measured)."""

    def __init__(self, descriptor: int, *, is_console: bool) -> None:
        self._descriptor = descriptor
        self._render = _console_line(descriptor) if is_console else _json_line
        self._second = 0
        self._second_text = ""

    def write(self, line: dict[str, Any]) -> None:
        os.write(self._descriptor, self._render(line))

    def now(self) -> str:
        """Write this instant as RFC 3339; the text of a second is made once (a third of the line's cost, measured)."""
        now = time()
        second = int(now)
        if second != self._second:
            self._second, self._second_text = second, instant(second)[:19]
        return f"{self._second_text}.{int((now - second) * 1000):03d}Z"


def set_up(log_format: str, level: str, stream: TextIO | None = None) -> None:
    """Send every logger, also those of gunicorn, uvicorn and alembic, through one formatter."""
    stream = stream or sys.stdout
    handler = logging.StreamHandler(stream)
    is_console = log_format == "console"
    handler.setFormatter(ConsoleFormatter(is_coloured=stream.isatty()) if is_console else JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    logging.captureWarnings(capture=True)
    adopt()


def adopt() -> None:
    """Take the lines of gunicorn, uvicorn and alembic, who set up loggers of their own."""
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "gunicorn.error", "gunicorn.access", "alembic"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        # Requests have a line of ours. Where its own would be handled, uvicorn puts its words together each time.
        logger.propagate = name != "uvicorn.access"


def switch_level(configured: str) -> None:
    """Turn to `debug`, or back to the configured level; for a signal, so that nobody can do it over the network."""
    root = logging.getLogger()
    level = configured if root.level == logging.DEBUG else "debug"
    # Told while everything is told: who sent the signal looks for an answer, and it is no error.
    root.setLevel(logging.DEBUG)
    root.info("the log level was switched", extra={"to": level})
    root.setLevel(LEVELS[level])


def log_failure(logger: logging.Logger, message: str, error: BaseException, **extra: str) -> None:
    """Log what was not foreseen: kind and place, not the error's own words, into which drivers write values."""
    stack = "".join(traceback.format_tb(error.__traceback__)[-_FRAMES:])
    logger.error(message, extra={"error_type": type(error).__name__, "stack": stack, **extra})


def instant(timestamp: float) -> str:
    """Write seconds since the epoch as RFC 3339 in UTC."""
    return datetime.fromtimestamp(timestamp, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ids() -> dict[str, str]:
    gathered = facts.current()
    named = {"request_id": gathered.request_id, "trace_id": gathered.trace_id, "span_id": gathered.span_id}
    return {name: value for name, value in named.items() if value}


def _extra(record: logging.LogRecord) -> Mapping[str, Any]:
    return {name: value for name, value in record.__dict__.items() if name not in _STANDARD}


def _json_line(line: dict[str, Any]) -> bytes:
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _console_line(descriptor: int) -> Callable[[dict[str, Any]], bytes]:
    console = Console(is_coloured=os.isatty(descriptor))
    return lambda line: f"{console.request(line)}\n".encode()
