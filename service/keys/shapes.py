"""What crosses the wire about keys and metadata: said to OpenAPI; the bytes are made where the keys are."""

from typing import Literal

from pydantic import BaseModel, Field

_KEY_ID = "7f1c5e0a9b3d4c62a8e1f0b2c3d4e5f6"


class PublicKey(BaseModel):
    """The public half of a signing key (RFC 7517). An EC key has `crv`, `x`, `y`; an RSA key has `n`, `e`."""

    kid: str = Field(description="The `kid` in the header of the tokens it signed.", examples=[_KEY_ID])
    kty: Literal["EC", "RSA"] = Field(examples=["EC"])
    use: Literal["sig"] = Field(examples=["sig"])
    alg: Literal["ES256", "RS256"] = Field(description="The only algorithm it may be used with.", examples=["ES256"])
    crv: str = Field("", examples=["P-256"])
    x: str = Field("", examples=["f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"])
    y: str = Field("", examples=["x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"])
    n: str = ""
    e: str = ""


class KeySet(BaseModel):
    """The keys of all tokens that may be alive, and the one that signs next (RFC 7517)."""

    keys: list[PublicKey]


class Metadata(BaseModel):
    """The authorization server metadata (RFC 8414)."""

    issuer: str = Field(description="`iss` of the access tokens.", examples=["https://id.example.com"])
    jwks_uri: str = Field(examples=["https://id.example.com/.well-known/jwks.json"])
    token_endpoint: str = Field(examples=["https://id.example.com/oauth/token"])
    grant_types_supported: list[str] = Field(examples=[["refresh_token"]])
    response_types_supported: list[str] = Field(description="Required by the RFC; none is.", examples=[[]])
    token_endpoint_auth_methods_supported: list[str] = Field(examples=[["none"]])
    scopes_supported: list[str] = Field(
        [], description="Left out when roles carry none.", examples=[["users:read", "users:write"]]
    )
    service_documentation: str = Field(examples=["https://id.example.com/docs"])
