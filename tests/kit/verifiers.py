"""Resource servers elsewhere: unrelated JOSE libraries that know nothing of us but the address of the JWKS."""

import warnings
from typing import Any

import httpx
import jwt as pyjwt
from authlib.oauth2.rfc6750.errors import InvalidTokenError
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from joserfc import jwt as joserfc_jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

with warnings.catch_warnings():
    # Authlib's own implementation, older than joserfc and not built on it; deprecated, and in use everywhere.
    warnings.simplefilter("ignore")
    from authlib.jose import JsonWebKey, JsonWebToken
    from authlib.jose.errors import JoseError as AuthlibError

ISSUER, AUDIENCE = "https://id.example.test", "signet"
ALGORITHMS = ["ES256", "RS256"]
Json = dict[str, Any]


class Refused(Exception):  # noqa: N818 - an outcome
    """The library does not accept the token."""


class Verifier:
    """One resource server. It keeps the JWKS it has fetched, and fetches anew only for a `kid` it does not know."""

    name = ""

    def __init__(self, jwks_url: str) -> None:
        self._jwks_url = jwks_url
        self.fetches = 0
        self.fetch()

    def claims(self, token: str) -> Json:
        """Verify a token offline; raises Refused."""
        if self._kid(token) not in {key["kid"] for key in self._jwks["keys"]}:
            self.fetch()
        return self._verified(token)

    def fetch(self) -> None:
        self._jwks = httpx.get(self._jwks_url, timeout=30).raise_for_status().json()
        self.fetches += 1

    def _verified(self, token: str) -> Json:
        raise NotImplementedError

    @staticmethod
    def _kid(token: str) -> str:
        return str(pyjwt.get_unverified_header(token)["kid"])


class WithPyJwt(Verifier):
    """PyJWT, and its own client for JWKS."""

    name = "pyjwt"

    def __init__(self, jwks_url: str) -> None:
        self._client = pyjwt.PyJWKClient(jwks_url, cooldown_duration=0)
        super().__init__(jwks_url)

    def fetch(self) -> None:
        self._client.fetch_data()
        self.fetches += 1

    def claims(self, token: str) -> Json:
        try:
            key = self._client.get_signing_key_from_jwt(token)
            claims: Json = pyjwt.decode(token, key, audience=AUDIENCE, issuer=ISSUER, algorithms=ALGORITHMS)
        except pyjwt.PyJWTError as error:
            raise Refused(self.name) from error
        return claims


class WithJoserfc(Verifier):
    """joserfc."""

    name = "joserfc"

    def _verified(self, token: str) -> Json:
        required = joserfc_jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": ISSUER},
            aud={"essential": True, "value": AUDIENCE},
            exp={"essential": True},
        )
        try:
            decoded = joserfc_jwt.decode(token, KeySet.import_key_set(self._jwks), algorithms=ALGORITHMS)
            required.validate(decoded.claims)
        except (JoseError, ValueError) as error:
            raise Refused(self.name) from error
        return decoded.claims


class WithAuthlib(Verifier):
    """Authlib's own JOSE."""

    name = "authlib"

    def _verified(self, token: str) -> Json:
        options = {"iss": {"essential": True, "value": ISSUER}, "aud": {"essential": True, "value": AUDIENCE}}
        try:
            claims = JsonWebToken(ALGORITHMS).decode(
                token, JsonWebKey.import_key_set(self._jwks), claims_options=options
            )
            claims.validate()
        except (AuthlibError, ValueError) as error:
            raise Refused(self.name) from error
        return dict(claims)


class WithRfc9068(Verifier):
    """Authlib's resource server for JWT access tokens, which insists on every claim that RFC 9068 requires."""

    name = "rfc9068"

    def _verified(self, token: str) -> Json:
        validator = _Validator(KeySet.import_key_set(self._jwks))
        try:
            claims = validator.authenticate_token(token)
            validator.validate_token(claims, None, None)
        except (InvalidTokenError, JoseError, ValueError) as error:
            raise Refused(self.name) from error
        return dict(claims)


class _Validator(JWTBearerTokenValidator):
    def __init__(self, jwks: KeySet) -> None:
        super().__init__(ISSUER, AUDIENCE)
        self._jwks = jwks

    def get_jwks(self) -> KeySet:
        return self._jwks


ALL: tuple[type[Verifier], ...] = (WithPyJwt, WithJoserfc, WithAuthlib, WithRfc9068)


def verifiers_of(service_url: str) -> list[Verifier]:
    """Set up one resource server with each library; each has fetched the keys once."""
    return [kind(f"{service_url}/.well-known/jwks.json") for kind in ALL]
