"""What a client promises with an Idempotency-Key: one request, told by digests."""

from dataclasses import dataclass
from uuid import UUID

from service.idempotency.problems import IdempotencyKeyReused
from service.security.secrets import Secrets


@dataclass(frozen=True, slots=True)
class Promise:
    """One keyed request. Several digests, because the secret that wrote a row may have been rotated since."""

    key_digests: tuple[bytes, ...]
    body_digests: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of the request that won: what it made, and the digest of its body."""

    resource_id: UUID
    body_digest: bytes


def promise(secrets: Secrets, caller: UUID | None, route: str, key: str, body: bytes) -> Promise:
    """Tell a keyed request apart from all others; nothing of key or body can be read from the digests."""
    who = caller.bytes if caller else b""
    return Promise(
        tuple(secrets.digests(b"idempotency key", who, route.encode(), key.encode())),
        tuple(secrets.digests(b"idempotency body", body)),
    )


def same_or_refuse(promised: Promise, kept: Kept) -> UUID:
    """Return what the first request made, if this one asks for the same."""
    if kept.body_digest not in promised.body_digests:
        raise IdempotencyKeyReused
    return kept.resource_id
