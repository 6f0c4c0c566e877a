"""What tokens say when they are only read, not verified."""

import json
from base64 import urlsafe_b64decode
from typing import Any


def read_claims(access_token: str) -> dict[str, Any]:
    """Read the payload of a JWT."""
    payload = access_token.split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def lineage(refresh_token: str) -> tuple[str, int]:
    """Read session and generation: two refresh tokens with the same are "the same", whatever secret signed them."""
    _, _, session, generation, _ = refresh_token.split(".")
    return session, int(generation)


def roles_of(access_token: str) -> list[str]:
    """Read the roles an access token carries; a token without any leaves the claim out."""
    roles: list[str] = read_claims(access_token).get("roles", [])
    return roles
