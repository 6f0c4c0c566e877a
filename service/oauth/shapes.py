"""What crosses the wire at the token endpoint and forward-auth (RFC 6749, RFC 6750)."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from service.security.access_tokens import CLIENT_ID
from service.sessions.shapes import AccessToken, RawRefreshToken, TokenPair


class TokenRequest(BaseModel):
    """A token request (RFC 6749, 6). What is missing or unknown is refused in the words of that RFC."""

    # Said to OpenAPI alone: pydantic would answer 422 where the RFC has 400, so nothing here can fail.
    model_config = ConfigDict(json_schema_extra={"required": ["grant_type", "refresh_token"]})

    grant_type: str = Field("", description="The only grant there is.", examples=["refresh_token"])
    refresh_token: str = Field(
        "", examples=["v1.1f0c9a52.0198f3c2a7bb7d10a2b4c6d8e0f1a2b3.0.q3Jh5yZ0cWm8sT1vKx4Lr7Nf2Pd9Bg6Ua5Ey8Hw3QoI"]
    )
    client_id: str = Field(CLIENT_ID, description="May be left away.")


class TokenAnswer(BaseModel):
    """A token answer (RFC 6749, 5.1)."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    access_token: AccessToken
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - RFC 6750's word
    expires_in: int = Field(description="Seconds the access token lives.", examples=[600])
    refresh_token: RawRefreshToken

    @classmethod
    def of(cls, pair: TokenPair) -> "TokenAnswer":
        return cls(
            access_token=pair["access_token"], expires_in=pair["expires_in"], refresh_token=pair["refresh_token"]
        )


class OAuthRefusal(BaseModel):
    """A refusal (RFC 6749, 5.2) with the members of a problem beside `error`."""

    error: Literal["invalid_request", "invalid_grant", "unsupported_grant_type", "invalid_client"]
    error_description: str
    type: str = Field(description="Where the problem is explained.")
    title: str
    status: int
    detail: str
    code: str = Field(description="Frozen; programs that know this service decide by it.")
    request_id: str
