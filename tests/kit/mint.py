"""Tokens that a test makes itself: signed right with the service's own key, or wrong in one single way."""

import json
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import asyncpg
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from service.security.secrets import Secrets
from tests.kit.claims import read_claims
from tests.kit.environment import SECRET

Json = dict[str, Any]


@dataclass(frozen=True)
class Mint:
    """One of the service's signing keys, unsealed."""

    private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
    key_id: str
    algorithm: str

    @property
    def public_pem(self) -> bytes:
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def header(self, **changed: Any) -> Json:
        """Write the header of a genuine token; a member given as None is left out."""
        return _without_none({"alg": self.algorithm, "kid": self.key_id, "typ": "at+jwt", **changed})

    def sign(self, claims: Json, **header: Any) -> str:
        """Sign these claims under this key; `header` changes members of the header."""
        return self.assemble(self.header(**header), claims)

    def again(self, token: str, **changed: Any) -> str:
        """Sign a genuine token anew with some claims changed (None: left out): right in everything else."""
        return self.sign(_without_none({**read_claims(token), "jti": uuid4().hex, **changed}))

    def assemble(self, header: object, claims: object) -> str:
        """Sign whatever header and claims are given."""
        return signed(header, claims, lambda signed_part: signature(self.algorithm, self.private, signed_part))


async def mints(database: asyncpg.Connection, secret: str = SECRET) -> list[Mint]:
    """Unseal every signing key in the database, in the order in which they sign."""
    rows = await database.fetch("SELECT kid, algorithm, sealed_private FROM signing_keys ORDER BY active_at, kid")
    secrets = Secrets([secret])
    return [Mint(_private(secrets.open(row[2], row[0])), row[0], row[1]) for row in rows]


async def mint_of(database: asyncpg.Connection, token: str, secret: str = SECRET) -> Mint:
    """Unseal the key that signed this token."""
    key_id = header_of(token)["kid"]
    return next(mint for mint in await mints(database, secret) if mint.key_id == key_id)


def header_of(token: str) -> Json:
    header: Json = json.loads(decoded(token.split(".", maxsplit=1)[0]))
    return header


def signed(header: object, claims: object, sign: Any) -> str:
    """Put a token together out of its three parts."""
    body = f"{encoded(json.dumps(header).encode())}.{encoded(json.dumps(claims).encode())}"
    return f"{body}.{encoded(sign(body.encode()))}"


def signature(algorithm: str, key: Any, signed_part: bytes) -> bytes:
    return jwt.get_algorithm_by_name(algorithm).sign(signed_part, key)


def encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def now() -> int:
    return int(time.time())


def _without_none(members: Mapping[str, Any]) -> Json:
    return {name: value for name, value in members.items() if value is not None}


def _private(pem: bytes) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    key = load_pem_private_key(pem, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    return key
