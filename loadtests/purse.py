"""Tokens of thousands of people without thousands of sign-ins: made as the deployment makes them, with its secret."""

import time
from collections.abc import Sequence
from uuid import uuid4

import jwt

from loadtests import people
from loadtests.plans import Issuing
from service.security import refresh_tokens
from service.security.access_tokens import CLIENT_ID, TOKEN_TYPE
from service.security.key_ring import load_private_key
from service.security.secrets import Secrets

# Tokens are made anew this long before they end.
_SPARE_SECONDS = 30.0


class Purse:
    """Holds access tokens that were made once, and makes those that are asked for the first time."""

    def __init__(self, issuing: Issuing, secret_keys: Sequence[str], began_ms: int) -> None:
        self._issuing = issuing
        self._secrets = Secrets(secret_keys)
        self._began_ms = began_ms
        sealed = bytes.fromhex(issuing.sealed_private)
        self._key = load_private_key(self._secrets.open(sealed, issuing.key_id))
        self._held: dict[tuple[int, int], tuple[str, float]] = {}

    def access_token(self, number: int, device: int = 0) -> str:
        """Give the access token of a person's session of this run."""
        now = time.time()
        held = self._held.get((number, device))
        if held is None or held[1] < now:
            held = self._sign(number, device, int(now)), now + self._issuing.access_ttl - _SPARE_SECONDS
            self._held[number, device] = held
        return held[0]

    def refresh_token(self, number: int, device: int = 0, generation: int = 0) -> str:
        """Give the refresh token with which a session of this run begins."""
        return refresh_tokens.issue(self._secrets, people.session_id(self._began_ms, number, device), generation)

    def _sign(self, number: int, device: int, now: int) -> str:
        claims = {
            "iss": self._issuing.issuer,
            "aud": self._issuing.audience,
            "sub": str(people.person_id(number)),
            "sid": str(people.session_id(self._began_ms, number, device)),
            "iat": now,
            "exp": now + int(self._issuing.access_ttl),
            "jti": uuid4().hex,
            "client_id": CLIENT_ID,
            "auth_time": self._began_ms // 1000,
            "epoch": 0,
        }
        headers = {"kid": self._issuing.key_id, "typ": TOKEN_TYPE}
        return jwt.encode(claims, self._key, self._issuing.algorithm, headers)
