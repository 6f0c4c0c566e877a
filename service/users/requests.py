"""Reading the headers of requests about users: which version is meant, which key is promised."""

import re
from uuid import UUID

from service.idempotency.problems import IdempotencyKeyMalformed
from service.idempotency.promise import Promise, promise
from service.security.secrets import Secrets
from service.users.change_records import Expected
from service.users.problems import IfMatchMissing, VersionStale
from service.users.rendering import version_of
from service.users.shapes import NewUser
from service.web.conditions import listed

_KEY = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
_ROUTE = "POST /v1/users"


def expected_or_refuse(if_match: str | None) -> Expected:
    """Read an If-Match that must be there."""
    if if_match is None:
        raise IfMatchMissing
    return expected(if_match)


def expected(if_match: str | None) -> Expected:
    """Read an If-Match that may be there; of several tags the newest current one counts (strong comparison)."""
    if if_match is None or if_match.strip() == "*":
        return Expected()
    versions = [version for tag in listed(if_match) if (version := version_of(tag)) is not None]
    if not versions:
        raise VersionStale
    return Expected(max(versions))


def promised(secrets: Secrets, caller: UUID | None, key: str | None, body: NewUser) -> Promise | None:
    """Read an Idempotency-Key and tell its request apart from all others."""
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise IdempotencyKeyMalformed
    return promise(secrets, caller, _ROUTE, key, body.model_dump_json().encode())
