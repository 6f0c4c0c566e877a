"""Access tokens: signing them, verifying them, and the memo of those verified already."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any, cast
from uuid import UUID

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from jwt.algorithms import get_default_algorithms
from jwt.utils import base64url_encode
from uuid_utils import uuid7

from service.clock import Clock
from service.security.claims import Claims, Grant
from service.security.key_ring import KeyRing, VerifyingKey

CLIENT_ID = "signet"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - RFC 9068's name of the type
_REQUIRED = ["iss", "aud", "sub", "sid", "iat", "exp", "jti", "client_id", "auth_time", "epoch"]
_LONGEST_TOKEN = 8192
_ALGORITHMS = get_default_algorithms()
_ES256, _ES256_BYTES = ECDSA(SHA256()), 32


class TokenRefused(Exception):  # noqa: N818 - an outcome
    """The token is not a valid access token of this issuer."""


class KeyUnknown(TokenRefused):
    """The token names a signing key that this process has not loaded."""

    def __init__(self, key_id: str) -> None:
        super().__init__(key_id)
        self.key_id = key_id


@dataclass(frozen=True, slots=True)
class TokenRules:
    """What stands in every token and what every verification asks for."""

    issuer: str
    audience: str
    ttl: timedelta
    leeway: timedelta
    scopes_of: Callable[[tuple[str, ...]], tuple[str, ...]]


class AccessTokens:
    """Signs and verifies. Verified tokens are remembered by digest; expiry is checked on every use."""

    def __init__(self, ring: KeyRing, rules: TokenRules, clock: Clock, memo_entries: int) -> None:
        self.rules = rules
        self._ring = ring
        self._clock = clock
        self._leeway = rules.leeway.total_seconds()
        self._memo: dict[bytes, Claims] = {}
        self._memo_entries = memo_entries

    @property
    def has_keys(self) -> bool:
        """Tell whether this process has loaded any key; before, it can't say what is a token and what is not."""
        return len(self._ring) > 0

    def issue(self, grant: Grant) -> tuple[str, int]:
        """Sign an access token for a session; gives it and its life in seconds. It never outlives the session."""
        now = int(self._clock.timestamp())
        expires = min(now + int(self.rules.ttl.total_seconds()), int(grant.session_expires_at.timestamp()))
        key = self._ring.signing_key(self._clock.timestamp())
        # A claim without content is left out: RFC 6749 knows no empty scope, and RFC 9068 validators refuse it.
        optional = {"roles": list(grant.roles), "scope": " ".join(self.rules.scopes_of(grant.roles))}
        payload = {
            "iss": self.rules.issuer,
            "aud": self.rules.audience,
            "sub": str(grant.user_id),
            "sid": str(grant.session_id),
            "iat": now,
            "exp": expires,
            "jti": uuid7().hex,
            "client_id": CLIENT_ID,
            "auth_time": int(grant.signed_in_at.timestamp()),
            "epoch": grant.epoch,
            **{name: value for name, value in optional.items() if value},
        }
        return _signed(payload, key), expires - now

    def verify(self, raw_token: bytes) -> Claims:
        """Return the claims of a genuine, unexpired token or raise TokenRefused. Revocation is not looked at here."""
        claims = self.find_remembered(raw_token)
        if claims is not None:
            return claims
        claims = self._verified(raw_token)
        self._remember(sha256(raw_token).digest(), claims)
        return claims

    def find_remembered(self, raw_token: bytes) -> Claims | None:
        """Return the claims of a token verified before, if it has not expired since."""
        claims = self._memo.get(sha256(raw_token).digest())
        if claims is None or claims.expires_at + self._leeway <= self._clock.timestamp():
            return None
        return claims

    def forget_all(self) -> None:
        """Empty the memo: a signing key was retired."""
        self._memo.clear()

    def _remember(self, digest: bytes, claims: Claims) -> None:
        if self._memo_entries <= 0:
            return
        while len(self._memo) >= self._memo_entries:
            # The oldest goes first: it expires first.
            del self._memo[next(iter(self._memo))]
        self._memo[digest] = claims

    def _verified(self, raw_token: bytes) -> Claims:
        if len(raw_token) > _LONGEST_TOKEN:
            raise TokenRefused("too long")
        try:
            key = self._key_of(raw_token)
            return self._claims(self._payload(raw_token, key), key.key_id)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise TokenRefused(type(error).__name__) from error

    def _key_of(self, raw_token: bytes) -> VerifyingKey:
        """Choose the key by `kid` alone and hold the header to exactly what we write (RFC 8725, 3.1 and 3.11)."""
        header = jwt.get_unverified_header(raw_token)
        key_id = header.get("kid")
        if not isinstance(key_id, str) or header.keys() - {"alg", "kid", "typ"}:
            raise TokenRefused("header")
        if str(header.get("typ", "")).lower().removeprefix("application/") != TOKEN_TYPE:
            raise TokenRefused("typ")
        key = self._ring.find(key_id)
        if key is None:
            raise KeyUnknown(key_id[:64])
        return key

    def _payload(self, raw_token: bytes, key: VerifyingKey) -> dict[str, Any]:
        payload = jwt.decode(
            raw_token,
            key.public,
            algorithms=[key.algorithm],
            audience=self.rules.audience,
            issuer=self.rules.issuer,
            # The machine's clock is not ours to trust: _claims compares with the corrected one.
            options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
        )
        now = self._clock.timestamp()
        if not payload["iat"] - self._leeway <= now < payload["exp"] + self._leeway:
            raise TokenRefused("time")
        return payload

    @staticmethod
    def _claims(payload: dict[str, Any], key_id: str) -> Claims:
        user_id = UUID(str(payload["sub"]))
        return Claims(
            user_id=user_id,
            user_key=str(user_id),
            session_id=UUID(str(payload["sid"])),
            roles=_texts(payload.get("roles", [])),
            scopes=tuple(_text(payload.get("scope", "")).split()),
            epoch=int(payload["epoch"]),
            signed_in_at=int(payload["auth_time"]),
            issued_at=int(payload["iat"]),
            expires_at=int(payload["exp"]),
            key_id=key_id,
        )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TokenRefused("claims")
    return value


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TokenRefused("claims")
    return tuple(_text(value) for value in values)


def _signed(payload: dict[str, Any], key: VerifyingKey) -> str:
    """Write the compact form (RFC 7515, 3.1); how the library writes it costs half of the signature again."""
    signed = _header(key.key_id, key.algorithm) + b"." + base64url_encode(orjson.dumps(payload))
    return (signed + b"." + base64url_encode(_signature(signed, key))).decode()


def _signature(signed: bytes, key: VerifyingKey) -> bytes:
    if key.algorithm != "ES256":
        return _ALGORITHMS[key.algorithm].sign(signed, key.private)
    # Two numbers, one after the other (RFC 7518, 3.4). The library's detour to them costs a quarter of the signature.
    r, s = decode_dss_signature(cast("EllipticCurvePrivateKey", key.private).sign(signed, _ES256))
    return r.to_bytes(_ES256_BYTES) + s.to_bytes(_ES256_BYTES)


@lru_cache(maxsize=8)
def _header(key_id: str, algorithm: str) -> bytes:
    return base64url_encode(orjson.dumps({"alg": algorithm, "kid": key_id, "typ": TOKEN_TYPE}))
