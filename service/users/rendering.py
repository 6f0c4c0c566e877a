"""A user as the bytes that are sent, and the ETag that names them."""

from service.storage.cache import Found, Tier
from service.storage.near_cache import Entry
from service.users.records import UserRow
from service.users.shapes import USER_SHAPE, User
from service.web.fast_lane import Warm

# What Postgres takes as a bigint in any case.
_MOST_DIGITS = 18

_CACHE_STATUS = {
    Tier.NEAR: b"signet; hit; detail=near",
    Tier.SHARED: b"signet; hit; detail=shared",
    Tier.POSTGRES: b"signet; fwd=miss; stored",
    Tier.STALE: b"signet; hit; detail=stale",
}


def user_bytes(row: UserRow) -> bytes:
    return wire(row).model_dump_json().encode()


def wire(row: UserRow) -> User:
    """Drop what the wire does not show."""
    return User(
        id=row.id,
        email=row.email,
        email_verified=row.email_verified,
        display_name=row.display_name,
        roles=row.roles,
        status=row.status,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def entry(row: UserRow) -> Entry:
    return Entry(row.version, user_bytes(row))


def etag(version: int) -> str:
    """Name one representation of a user: strong, changes exactly when the bytes do."""
    return f'"{USER_SHAPE}.{version}"'


def version_of(tag: str) -> int | None:
    """Read the version out of an ETag of the current shape; None for any other."""
    shape, _, version = tag.strip('"').partition(".")
    is_number = version.isascii() and version.isdigit() and len(version) <= _MOST_DIGITS
    if shape != str(USER_SHAPE) or not is_number or tag != etag(int(version)):
        return None
    return int(version)


def answer(entry: Entry) -> Warm:
    """Give the complete answer out of the near cache; the fast lane and the route both send exactly this."""
    if not isinstance(entry.answer, Warm):
        entry.answer = _answer(entry, _CACHE_STATUS[Tier.NEAR])
    return entry.answer


def found_answer(found: Found) -> Warm:
    """Give the complete answer, and say in Cache-Status (RFC 9211) which tier gave it."""
    return answer(found.entry) if found.tier is Tier.NEAR else _answer(found.entry, _CACHE_STATUS[found.tier])


def _answer(entry: Entry, cache_status: bytes) -> Warm:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(entry.body)).encode()),
        (b"etag", etag(entry.version).encode()),
        (b"cache-control", b"private, no-cache"),
        (b"cache-status", cache_status),
        (b"vary", b"authorization"),
    ]
    return Warm(200, headers, entry.body)
