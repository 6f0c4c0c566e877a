"""What crosses the wire about sessions."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from service.users.shapes import Body, RawPassword, check_text

Device = Annotated[
    str, StringConstraints(min_length=1, max_length=200), AfterValidator(check_text), Field(examples=["Ada's laptop"])
]
RawRefreshToken = Annotated[
    str,
    Field(
        max_length=512,
        examples=["v1.1f0c9a52.0198f3c2a7bb7d10a2b4c6d8e0f1a2b3.0.q3Jh5yZ0cWm8sT1vKx4Lr7Nf2Pd9Bg6Ua5Ey8Hw3QoI"],
    ),
]


class NewSession(Body):
    """Sign in with address and password."""

    email: Annotated[str, Field(max_length=512, examples=["ada@example.com"])]
    password: RawPassword
    device: Device | None = Field(None, description="A name the user will recognise in the list of sessions.")
    known_device: RawRefreshToken | None = Field(
        None,
        description="Any earlier refresh token of this account: lets its owner in while others guess.",
        examples=[None],
    )


class Refresh(Body):
    """Exchange a refresh token."""

    refresh_token: RawRefreshToken


class PairSession(BaseModel):
    """The session a pair belongs to."""

    id: UUID
    device: str | None
    created_at: datetime
    expires_at: datetime


class TokenPair(BaseModel):
    """An access token and the refresh token that gets the next one. Lives are seconds."""

    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - RFC 6750's word
    access_token: str
    expires_in: int
    refresh_token: str
    refresh_expires_in: int
    session: PairSession


class Session(BaseModel):
    """A running session. `current` is the one that asks."""

    id: UUID
    device: str | None
    address: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    current: bool


class SessionPage(BaseModel):
    """Some sessions and where to go on."""

    items: list[Session]
    next_cursor: str | None
