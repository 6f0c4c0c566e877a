"""What crosses the wire about sessions."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints
from typing_extensions import TypedDict

from service.users.shapes import PRINTABLE, Body, Instant, NextCursor, RawPassword, check_text

Device = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    AfterValidator(check_text),
    Field(examples=["Ada's laptop"], json_schema_extra=PRINTABLE),
]
RawRefreshToken = Annotated[
    str,
    Field(
        max_length=512,
        examples=["v1.1f0c9a52.0198f3c2a7bb7d10a2b4c6d8e0f1a2b3.0.q3Jh5yZ0cWm8sT1vKx4Lr7Nf2Pd9Bg6Ua5Ey8Hw3QoI"],
    ),
]
AccessToken = Annotated[
    str,
    Field(
        description="A JWT (RFC 9068); `/.well-known/jwks.json` has the keys that verify it.",
        examples=["eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6IjdmMWMifQ.eyJzdWIiOiIwMTk4ZjNjMiJ9.c2lnbmF0dXJl"],
    ),
]
EndsAt = Annotated[
    datetime,
    Field(description="When it ends unless it is refreshed before.", examples=["2026-03-31T09:30:00.123456Z"]),
]
SessionId = Annotated[UUID, Field(examples=["0198f3c2-b1aa-7c3e-9f00-5a6b7c8d9e0f"])]


class NewSession(Body):
    """Sign in with address and password."""

    email: Annotated[str, Field(max_length=512, examples=["ada@example.com"])]
    password: RawPassword
    device: Device | None = Field(
        None, description="A name the user will recognise in the list of sessions.", examples=["Ada's laptop"]
    )
    known_device: RawRefreshToken | None = Field(
        None, description="Any earlier refresh token of this account: lets its owner in while others guess."
    )


class Refresh(Body):
    """Exchange a refresh token."""

    refresh_token: RawRefreshToken


class PairSession(TypedDict):
    """The session a pair belongs to."""

    id: SessionId
    device: Annotated[str | None, Field(examples=["Ada's laptop"])]
    created_at: Instant
    expires_at: EndsAt


class TokenPair(TypedDict):
    """An access token and the refresh token that gets the next one. Lives are seconds."""

    token_type: Literal["Bearer"]
    access_token: AccessToken
    expires_in: Annotated[int, Field(description="Seconds the access token lives.", examples=[600])]
    refresh_token: RawRefreshToken
    refresh_expires_in: Annotated[int, Field(description="Seconds the refresh token lives.", examples=[2592000])]
    session: PairSession


class Session(BaseModel):
    """A running session. `current` is the one that asks."""

    id: SessionId
    device: str | None = Field(description="The name given when signing in.", examples=["Ada's laptop"])
    address: str | None = Field(description="The network address that signed in.", examples=["203.0.113.7"])
    created_at: Instant
    last_used_at: Instant = Field(description="When it was last refreshed.")
    expires_at: EndsAt
    current: bool = Field(description="Whether it is the session that asks.", examples=[True])


class SessionPage(BaseModel):
    """Some sessions and where to go on."""

    items: list[Session]
    next_cursor: NextCursor
