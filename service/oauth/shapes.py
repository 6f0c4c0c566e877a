"""What crosses the wire at the token endpoint and forward-auth (RFC 6749, RFC 6750)."""

from typing import Literal

from pydantic import BaseModel

from service.sessions.shapes import TokenPair


class TokenAnswer(BaseModel):
    """A token answer (RFC 6749, 5.1)."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - RFC 6750's word
    expires_in: int
    refresh_token: str

    @classmethod
    def of(cls, pair: TokenPair) -> "TokenAnswer":
        return cls(access_token=pair.access_token, expires_in=pair.expires_in, refresh_token=pair.refresh_token)


class OAuthRefusal(BaseModel):
    """A refusal (RFC 6749, 5.2) with the members of a problem beside `error`."""

    error: str
    error_description: str
    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
