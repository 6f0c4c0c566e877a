"""Refresh tokens as clients hold them: `v1.<secret id>.<session>.<generation>.<mac>`."""

import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from uuid import UUID

from service.security.secrets import DerivedKeys, Secrets

_FORM = re.compile(r"v1\.([0-9a-f]{8})\.([0-9a-f]{32})\.(0|[1-9][0-9]{0,17})\.([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Presented:
    """What a genuine refresh token says: which session, and how often it had rotated."""

    session_id: UUID
    generation: int


class SecretNotKnown(Exception):  # noqa: N818 - an outcome, counted and refused
    """The token names a secret that is not configured (any more)."""


def issue(secrets: Secrets, session_id: UUID, generation: int) -> str:
    """Make the refresh token of this generation; the same arguments give the same token."""
    keys = secrets.current
    return _assemble(keys, session_id, generation)


def find_presented(secrets: Secrets, raw_token: str) -> Presented | None:
    """Read a token and check its mac, without any store; None when it is not one of ours."""
    parts = _FORM.fullmatch(raw_token)
    if parts is None:
        return None
    keys = secrets.find(parts[1])
    if keys is None:
        raise SecretNotKnown
    session_id, generation = UUID(parts[2]), int(parts[3])
    genuine = _assemble(keys, session_id, generation)
    return Presented(session_id, generation) if hmac.compare_digest(genuine, raw_token) else None


def find_genuine(secrets: Secrets, raw_token: str) -> Presented | None:
    """Read a token if it is one of ours, whatever has become of its secret or session."""
    try:
        return find_presented(secrets, raw_token)
    except SecretNotKnown:
        return None


def _assemble(keys: DerivedKeys, session_id: UUID, generation: int) -> str:
    body = f"v1.{keys.secret_id}.{session_id.hex}.{generation}"
    mac = keys.refresh.copy()
    mac.update(body.encode())
    return f"{body}.{urlsafe_b64encode(mac.finalize()).rstrip(b'=').decode()}"
