"""Forged access tokens: each is refused, and its twin, made right in the one thing that was wrong, is let through."""

import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import uuid4

import asyncpg
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.kit.claims import read_claims
from tests.kit.environment import Addresses
from tests.kit.mint import Mint, encoded, header_of, mint_of, now, signature, signed
from tests.kit.people import Person, new_person, problem
from tests.kit.services import Service

LEEWAY = 5
LONGEST = 8192


@dataclass(frozen=True)
class Twins:
    """A forged token, and the same construction done right."""

    forged: str
    right: str


Forging = Callable[[Mint, str], Twins]


def _hmac(key: bytes) -> Callable[[bytes], bytes]:
    return lambda signed_part: hmac.digest(key, signed_part, sha256)


def _unsigned(name: str) -> Forging:
    def forge(mint: Mint, token: str) -> Twins:
        claims = read_claims(token)
        return Twins(signed(mint.header(alg=name), claims, lambda _: b""), mint.sign(claims))

    return forge


def _stripped(mint: Mint, token: str) -> Twins:
    body = token.rpartition(".")[0]
    return Twins(f"{body}.", mint.again(token))


def _signed_with_the_public_pem(mint: Mint, token: str) -> Twins:
    claims = read_claims(token)
    return Twins(signed(mint.header(alg="HS256"), claims, _hmac(mint.public_pem)), mint.sign(claims))


def _signed_with_the_public_jwk(mint: Mint, token: str) -> Twins:
    claims = read_claims(token)
    jwk = jwt.get_algorithm_by_name(mint.algorithm).to_jwk(mint.private.public_key())
    return Twins(signed(mint.header(alg="HS256"), claims, _hmac(jwk.encode())), mint.sign(claims))


def _signed_by_a_stranger(mint: Mint, token: str) -> Twins:
    claims, stranger = read_claims(token), ec.generate_private_key(ec.SECP256R1())
    return Twins(signed(mint.header(), claims, lambda part: signature("ES256", stranger, part)), mint.sign(claims))


def _with_the_signature_in_der(mint: Mint, token: str) -> Twins:
    """ECDSA as OpenSSL writes it; JOSE wants two plain numbers (RFC 7518, 3.4)."""
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - used by this one forger

    private = mint.private
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    claims = read_claims(token)
    return Twins(
        signed(mint.header(), claims, lambda part: private.sign(part, ec.ECDSA(SHA256()))),
        mint.sign(claims),
    )


def _with_header(**members: Any) -> Forging:
    """Sign rightly, with something in the header that we never write."""

    def forge(mint: Mint, token: str) -> Twins:
        claims = read_claims(token)
        return Twins(mint.sign(claims, **members), mint.sign(claims))

    return forge


def _bringing_its_own_key(mint: Mint, token: str) -> Twins:
    claims, stranger = read_claims(token), ec.generate_private_key(ec.SECP256R1())
    jwk = json.loads(jwt.get_algorithm_by_name("ES256").to_jwk(stranger.public_key()))
    header = mint.header(jwk=jwk)
    return Twins(signed(header, claims, lambda part: signature("ES256", stranger, part)), mint.sign(claims))


def _with_claims(**changed: Any) -> Forging:
    """Sign rightly what we never say; None leaves a claim out."""

    def forge(mint: Mint, token: str) -> Twins:
        return Twins(mint.again(token, **changed), mint.again(token))

    return forge


def _tampered(**changed: Any) -> Forging:
    """Change a claim under the signature of the former one."""

    def forge(mint: Mint, token: str) -> Twins:
        header, _, original = token.split(".")
        payload = encoded(json.dumps({**read_claims(token), **changed}).encode())
        return Twins(f"{header}.{payload}.{original}", mint.again(token, **changed))

    return forge


def _expired(mint: Mint, token: str) -> Twins:
    return Twins(mint.again(token, exp=now() - LEEWAY - 1), mint.again(token, exp=now() - 1))


def _issued_in_the_future(mint: Mint, token: str) -> Twins:
    return Twins(mint.again(token, iat=now() + 60), mint.again(token, iat=now() + LEEWAY - 2))


def _without_end(mint: Mint, token: str) -> Twins:
    return Twins(mint.again(token, exp=1e400), mint.again(token, exp=now() + 60))


def _giant(mint: Mint, token: str) -> Twins:
    spare = LONGEST * 3 // 4 - len(token)
    return Twins(mint.again(token, padding="x" * (LONGEST + 1)), mint.again(token, padding="x" * (spare - 100)))


REQUIRED = ("iss", "aud", "sub", "sid", "iat", "exp", "jti", "client_id", "auth_time", "epoch")
FORGERIES: dict[str, Forging] = {
    "alg-none": _unsigned("none"),
    "alg-None": _unsigned("None"),
    "alg-missing": _unsigned(""),
    "without-signature": _stripped,
    "hmac-with-public-pem": _signed_with_the_public_pem,
    "hmac-with-public-jwk": _signed_with_the_public_jwk,
    "signed-by-a-stranger": _signed_by_a_stranger,
    "signature-in-der": _with_the_signature_in_der,
    "alg-of-another-curve": _with_header(alg="ES384"),
    "kid-unknown": _with_header(kid=uuid4().hex),
    "kid-missing": _with_header(kid=None),
    "kid-a-path": _with_header(kid="../../dev/null"),
    "kid-a-number": _with_header(kid=1),
    "crit": _with_header(crit=["exp"]),
    "crit-with-what-it-names": _with_header(crit=["b64"], b64=True),
    "embedded-jwk": _bringing_its_own_key,
    "jku": _with_header(jku="https://keys.example.test/jwks.json"),
    "x5u": _with_header(x5u="https://keys.example.test/chain.pem"),
    "x5c": _with_header(x5c=["MIIB"]),
    "zip": _with_header(zip="DEF"),
    "typ-jwt": _with_header(typ="JWT"),
    "typ-missing": _with_header(typ=None),
    "typ-of-a-logout-token": _with_header(typ="logout+jwt"),
    "aud-of-another-service": _with_claims(aud="somebody-else"),
    "aud-empty": _with_claims(aud=[]),
    "iss-of-another-issuer": _with_claims(iss="https://id.example.org"),
    "iss-with-a-slash": _with_claims(iss="https://id.example.test/"),
    "expired": _expired,
    "issued-in-the-future": _issued_in_the_future,
    "without-end": _without_end,
    "giant": _giant,
    "sub-of-somebody-else": _tampered(sub=str(uuid4())),
    "sid-of-another-session": _tampered(sid=str(uuid4())),
    "roles-added": _tampered(roles=["admin"]),
    "life-prolonged": _tampered(exp=now() + 3600),
    "epoch-raised": _tampered(epoch=7),
    **{f"without-{claim}": _with_claims(**{claim: None}) for claim in REQUIRED},
    **{f"{claim}-a-number": _with_claims(**{claim: 7}) for claim in ("iss", "aud", "sub", "sid", "scope", "roles")},
    **{f"{claim}-a-list": _with_claims(**{claim: ["x"]}) for claim in ("sub", "sid", "iat", "exp", "epoch", "scope")},
    **{f"{claim}-a-word": _with_claims(**{claim: "soon"}) for claim in ("sub", "sid", "iat", "exp", "epoch", "roles")},
    **{f"{claim}-an-object": _with_claims(**{claim: {"x": 1}}) for claim in ("sub", "auth_time", "roles", "scope")},
}


@dataclass(frozen=True)
class Genuine:
    """A token, and the key that signed it. It outlives the emptying of the tables: verifying looks nothing up."""

    token: str
    mint: Mint


@pytest.fixture(scope="module")
async def genuine(replicas: tuple[Service, Service], stores: Addresses) -> Genuine:
    token = (await (await new_person(replicas[0], "forged@example.com")).sign_in()).access_token
    connection = await asyncpg.connect(stores.database_url)
    mint = await mint_of(connection, token)
    await connection.close()
    return Genuine(token, mint)


@pytest.mark.parametrize("forging", FORGERIES.values(), ids=FORGERIES.keys())
async def test_a_forged_token_is_refused_and_its_right_twin_is_not(
    service: Service, genuine: Genuine, forging: Forging
) -> None:
    twins = forging(genuine.mint, genuine.token)

    forged = await service.get("/v1/verify", token=twins.forged)
    right = await service.get("/v1/verify", token=twins.right)

    assert problem(forged) == (401, "token_invalid")
    assert forged.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert right.status_code == 200, right.text


@pytest.mark.parametrize(
    "garbage",
    [
        "garbage",
        ".",
        "..",
        "...",
        "a.b.c",
        "a" * 60_000,
        "e30.e30.e30",
        encoded(b"[]") + ".e30.",
        encoded(b"null") + ".bnVsbA.AA",
        encoded(b'{"alg":"ES256"') + ".e30.AA",
        encoded(b"[" * 4000) + ".e30.AA",
        encoded(bytes(range(256))) + ".e30.AA",
        "v1.00000000.00000000000000000000000000000000.0.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ],
    ids=range(13),
)
async def test_garbage_is_refused(service: Service, garbage: str) -> None:
    assert problem(await service.get("/v1/verify", token=garbage)) == (401, "token_invalid")


async def test_a_token_that_is_not_even_text_is_refused(service: Service) -> None:
    answer = await service._client.get("/v1/verify", headers=[(b"Authorization", b"Bearer \xff\xfe\x80.\xe4.\xf6")])

    assert problem(answer) == (401, "token_invalid")


@pytest.mark.parametrize("scheme", ["Basic", "DPoP", "Token", "BearerX", ""])
async def test_another_scheme_is_as_good_as_no_token(service: Service, genuine: Genuine, scheme: str) -> None:
    answer = await service.get("/v1/verify", headers={"Authorization": f"{scheme} {genuine.token}".strip()})

    assert problem(answer) == (401, "token_missing")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "Bearer  "])
async def test_the_scheme_is_read_whatever_its_case(service: Service, genuine: Genuine, scheme: str) -> None:
    answer = await service.get("/v1/verify", headers={"Authorization": f"{scheme} {genuine.token}"})

    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/v1/verify", "/v1/users/me", "/v1/sessions"])
async def test_two_tokens_in_one_request_are_refused_whatever_they_are(
    service: Service, ada: Person, path: str
) -> None:
    token = (await ada.sign_in()).access_token
    good, bad = ("Authorization", f"Bearer {token}"), ("Authorization", "Bearer garbage")

    for pair in ([good, bad], [bad, good], [good, good], [good, ("authorization", "")]):
        assert problem(await service._client.get(path, headers=pair)) == (401, "token_invalid")
    assert (await service._client.get(path, headers=[good])).status_code == 200


async def test_a_token_of_a_former_epoch_is_refused_although_its_session_lives(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    token = (await ada.sign_in()).access_token
    mint = await mint_of(database, token)
    assert (await service.delete("/v1/sessions", token=token)).status_code == 204
    later = (await ada.sign_in()).access_token
    epoch = read_claims(later)["epoch"]

    assert epoch == read_claims(token)["epoch"] + 1
    assert await service.refuses(mint.again(later, epoch=epoch - 1))
    assert await service.accepts(mint.again(later, epoch=epoch))


async def test_a_media_type_prefix_in_typ_is_the_same_type(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    token = (await ada.sign_in()).access_token
    mint = await mint_of(database, token)

    assert header_of(token)["typ"] == "at+jwt"
    assert await service.accepts(mint.sign(read_claims(token), typ="application/AT+JWT"))
    assert await service.refuses(mint.sign(read_claims(token), typ="application/jwt"))
