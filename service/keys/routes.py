"""HTTP for what others need to verify our tokens: the keys and the metadata."""

from hashlib import sha256
from typing import Any

import orjson
from fastapi import APIRouter, Depends, Request, Response

from service.errors import StoreAway
from service.keys.shapes import KeySet, Metadata
from service.limits.problems import RateLimited
from service.security.key_ring import KeyRing
from service.settings import Settings
from service.web.caller import counted
from service.web.conditions import IfNoneMatch, is_none_match
from service.web.fast_lane import Warm
from service.web.rendering import not_modified, refusals, says, warm_answer

router = APIRouter(prefix="/.well-known", tags=["discovery"], dependencies=[Depends(counted)])

JWKS_MAX_AGE_SECONDS = 300


def _answers(meaning: str) -> dict[int | str, dict[str, Any]]:
    cacheable = ("ETag", "Cache-Control")
    return {
        200: says(meaning, *cacheable),
        304: says("The copy at hand is current.", *cacheable),
        **refusals(RateLimited),
    }


@router.get("/jwks.json", response_model=KeySet, responses=_answers("The keys."))
async def read_keys(request: Request, if_none_match: IfNoneMatch = None) -> Response:
    """Read the public keys.

    The keys of all tokens that may be alive, and the one that signs next (RFC 7517). A new key is published here at
    least 10 minutes, by default a day, before it signs; so a copy may be kept for as long as `Cache-Control` says.
    """
    ring: KeyRing = request.app.state.ring
    if not len(ring):
        # Before the start is over. An empty set that somebody kept would refuse every token.
        raise StoreAway
    return _cacheable(ring.jwks, if_none_match)


@router.get("/oauth-authorization-server", response_model=Metadata, responses=_answers("The metadata."))
async def read_metadata(request: Request, if_none_match: IfNoneMatch = None) -> Response:
    """Read the authorization server metadata.

    What a library needs to verify our tokens and to refresh them (RFC 8414).
    """
    return _cacheable(_metadata(request.app.state.settings), if_none_match)


@router.get("/openid-configuration", response_model=Metadata, responses=_answers("The metadata."))
async def read_openid_configuration(request: Request, if_none_match: IfNoneMatch = None) -> Response:
    """Read the same metadata where OpenID libraries look.

    Many libraries that only want the keys look nowhere else. This service is not an OpenID provider: there are no
    id tokens, and no authorization endpoint.
    """
    return _cacheable(_metadata(request.app.state.settings), if_none_match)


def _metadata(settings: Settings) -> bytes:
    """Say what is true and no more; empty lists are left out (RFC 8414, 3.2), but response types are required."""
    issuer = settings.public_url
    scopes = sorted({scope for scopes in settings.role_scopes.values() for scope in scopes})
    document = {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "token_endpoint": f"{issuer}/oauth/token",
        "grant_types_supported": ["refresh_token"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["none"],
        "service_documentation": f"{issuer}/docs",
    }
    return orjson.dumps({**document, "scopes_supported": scopes} if scopes else document)


def _cacheable(body: bytes, if_none_match: str | None) -> Response:
    etag = f'"{sha256(body).hexdigest()[:16]}"'
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"etag", etag.encode()),
        (b"cache-control", f"public, max-age={JWKS_MAX_AGE_SECONDS}".encode()),
    ]
    warm = Warm(200, headers, body)
    return not_modified(warm) if is_none_match(if_none_match, etag) else warm_answer(warm)
