"""Cursors: opaque to clients, bound to the question they were given for."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from typing import Annotated

import orjson
from fastapi import Query

from service.errors import Problem


class CursorMalformed(Problem):
    """The cursor is not one that this service gave, or belongs to another question. Start again without it."""

    status, code, title = 422, "cursor_malformed", "The cursor can't be used."
    detail = "Start again without a cursor."


Limit = Annotated[int, Query(ge=1, le=100, description="Most items of a page.")]
Cursor = Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before.")]


def write_cursor(question: str, *position: str) -> str:
    """Write where a page ended, for the question it belongs to."""
    return urlsafe_b64encode(orjson.dumps([_mark(question), *position])).rstrip(b"=").decode()


def read_cursor(cursor: str, question: str, length: int) -> list[str]:
    """Read `length` words of a position; refuse a cursor of another question."""
    try:
        parts = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:
        raise CursorMalformed from None
    if not isinstance(parts, list) or len(parts) != length + 1 or not all(isinstance(part, str) for part in parts):
        raise CursorMalformed
    # NUL is the one character that Postgres refuses.
    if parts[0] != _mark(question) or any("\0" in part for part in parts):
        raise CursorMalformed
    return parts[1:]


def _mark(question: str) -> str:
    return sha256(question.encode("utf-8", "replace")).hexdigest()[:12]
