"""Conditional requests (RFC 9110, 13): If-Match and If-None-Match against the one ETag there is."""

from typing import Annotated

from fastapi import Header

IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="The `ETag` that was read, or `*`.", examples=['"1.1"', "*"])
]
IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match", description="The `ETag` of the copy at hand; 304 if it is current.", examples=['"1.1"']
    ),
]
IdempotencyKeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="Makes a repeat harmless for 24 hours: a UUID, for example.",
        examples=["6f1c5e0a-9b3d-4c62-a8e1-f0b2c3d4e5f6"],
        json_schema_extra={"pattern": "^[!-~]{1,255}$"},
    ),
]


def listed(header: str) -> list[str]:
    """Split a list of entity tags; they hold no commas here."""
    return [tag.strip() for tag in header.split(",") if tag.strip()]


def is_none_match(header: str | None, etag: str) -> bool:
    """Tell whether the client's copy is current: weak comparison (RFC 9110, 8.8.3.2)."""
    return header is not None and any(tag in {"*", etag} for tag in (tag.removeprefix("W/") for tag in listed(header)))
