"""The signing keys this process has loaded: which one signs, which ones verify."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


class NoSigningKey(Exception):  # noqa: N818 - it says what is the matter
    """No loaded key may sign now."""


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A key pair in memory. It signs from `active_at` until its successor does; after `retired_at` it is gone."""

    key_id: str
    algorithm: str
    private: PrivateKey
    public: PublicKey
    active_at: datetime
    retired_at: datetime | None


class KeyRing:
    """Loaded keys by `kid`, replaced as a whole when they change."""

    def __init__(self) -> None:
        self._keys: dict[str, VerifyingKey] = {}
        self.jwks: bytes = b'{"keys":[]}'

    def replace(self, keys: Iterable[VerifyingKey]) -> bool:
        """Take these keys instead of the loaded ones; tells whether one of those is gone."""
        fresh = {key.key_id: key for key in sorted(keys, key=lambda key: key.active_at)}
        is_gone = bool(self._keys.keys() - fresh.keys())
        self._keys = fresh
        self.jwks = json.dumps({"keys": [public_jwk(key) for key in fresh.values()]}, separators=(",", ":")).encode()
        return is_gone

    def find(self, key_id: str) -> VerifyingKey | None:
        return self._keys.get(key_id)

    def signing_key(self, timestamp: float) -> VerifyingKey:
        """Return the newest key that is active at this instant (seconds since the epoch)."""
        for key in reversed(self._keys.values()):
            if key.active_at.timestamp() <= timestamp:
                return key
        raise NoSigningKey

    def states(self, timestamp: float) -> Iterator[str]:
        """Say of each key what it does at this instant: `next`, `current` (it signs) or `retiring`."""
        is_signed_for = False
        for key in reversed(self._keys.values()):
            if key.active_at.timestamp() > timestamp:
                yield "next"
            else:
                yield "retiring" if is_signed_for else "current"
                is_signed_for = True

    def __len__(self) -> int:
        return len(self._keys)


def new_private_key(algorithm: str) -> PrivateKey:
    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def new_key_id() -> str:
    return uuid4().hex


def private_pem(key: PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load_private_key(pem: bytes) -> PrivateKey:
    """Read a private key; raises TypeError for a kind we never make."""
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise TypeError("neither an EC nor an RSA key")
    return key


def public_jwk(key: VerifyingKey) -> dict[str, Any]:
    """Write the public half as a JWK (RFC 7517)."""
    if isinstance(key.public, ec.EllipticCurvePublicKey):
        jwk = ECAlgorithm.to_jwk(key.public, as_dict=True)
    else:
        jwk = RSAAlgorithm.to_jwk(key.public, as_dict=True)
    allowed = {name: value for name, value in jwk.items() if name in {"kty", "crv", "x", "y", "n", "e"}}
    return {**allowed, "use": "sig", "alg": key.algorithm, "kid": key.key_id}
