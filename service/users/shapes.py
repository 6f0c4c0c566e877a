"""What crosses the wire about users."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from service.setting_kinds import ROLE_PATTERN
from service.users.emails import NotAnEmail, email_key
from service.users.terms import SHORTEST_SEARCH, fold

# No control characters, no ends of lines, and nothing that makes what stands around it be read in another order.
_PRINTABLE = re.compile(r"[^\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]*")
# Raised whenever the rendering of a user changes, so that no client's ETag survives it.
USER_SHAPE = 1

Role = Annotated[str, StringConstraints(pattern=f"^{ROLE_PATTERN}$")]
Status = Literal["active", "suspended", "closed"]


def check_email(email: str) -> str:
    try:
        email_key(email)
    except NotAnEmail:
        raise ValueError("this is not an email address that mail can be sent to") from None
    return email


def check_text(text: str) -> str:
    if not _PRINTABLE.fullmatch(text):
        raise ValueError("control characters are refused")
    return text


def check_search(text: str) -> str:
    if len(fold(check_text(text))) < SHORTEST_SEARCH:
        raise ValueError(f"a search has at least {SHORTEST_SEARCH} characters")
    return text


Email = Annotated[str, AfterValidator(check_email), Field(max_length=254, examples=["ada@example.com"])]
# What check_text refuses, said to OpenAPI. Lengths stand before it: they make pydantic refuse half a character.
PRINTABLE: dict[str, Any] = {"pattern": f"^{_PRINTABLE.pattern}$"}
DisplayName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    AfterValidator(check_text),
    Field(examples=["Ada Lovelace"], json_schema_extra=PRINTABLE),
]
RawPassword = Annotated[str, Field(max_length=1024, examples=["correct horse battery"])]
# The room that decides says more than a schema can; the lengths are said to OpenAPI alone.
NewRawPassword = Annotated[
    str,
    Field(
        max_length=1024,
        description="8 to 256 characters; not one of the passwords that attackers try first.",
        examples=["correct horse battery"],
        json_schema_extra={"minLength": 8, "maxLength": 256},
    ),
]
UserId = Annotated[UUID, Field(examples=["0198f3c2-a7bb-7d10-a2b4-c6d8e0f1a2b3"])]
Instant = Annotated[datetime, Field(examples=["2026-03-01T09:30:00.123456Z"])]
NextCursor = Annotated[
    str | None, Field(description="Give it as `cursor` for the next page; null on the last one.", examples=[None])
]


class Body(BaseModel):
    """A request body: unknown fields are refused, nothing is converted silently."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class User(BaseModel):
    """A user. `email` and `display_name` are null once the account is closed."""

    id: UserId
    email: str | None = Field(description="As it was typed.", examples=["ada@example.com"])
    email_verified: bool = Field(description="Whether the address is known to be theirs.", examples=[True])
    display_name: str | None = Field(examples=["Ada Lovelace"])
    roles: list[str] = Field(description="In alphabetical order.", examples=[["support"]])
    status: Status = Field(examples=["active"])
    created_at: Instant
    updated_at: Instant = Field(description="When something of the above last changed.")


class UserPage(BaseModel):
    """Some users and where to go on."""

    items: list[User]
    next_cursor: NextCursor


class UserQuery(BaseModel):
    """Which users, and which page of them."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    search: Annotated[str, AfterValidator(check_search)] | None = Field(
        None, min_length=2, max_length=100, description="Beginning of a word of address or name."
    )
    email: Annotated[str, AfterValidator(check_text)] | None = Field(
        None, max_length=254, description="The whole address.", json_schema_extra=PRINTABLE
    )
    role: Role | None = Field(None, description="Only users with this role.")
    status: Status | None = Field(None, description="Only users in this state.")
    cursor: str | None = Field(None, max_length=1000, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=100, description="Most items of a page.")


class NewUser(Body):
    """Register. Everything below `display_name` may be given by an admin only."""

    email: Email
    password: NewRawPassword | None = Field(
        None, description="Required, unless an admin gives `password_hash`.", examples=["correct horse battery"]
    )
    display_name: DisplayName | None = Field(None, examples=["Ada Lovelace"])
    roles: Annotated[list[Role], Field(max_length=32)] | None = Field(None, description="Admins only.")
    email_verified: bool | None = Field(None, description="Admins only: say that the address is theirs.")
    password_hash: Annotated[str, Field(max_length=512)] | None = Field(
        None,
        description="Admins only: an argon2 or bcrypt hash from another system; it is upgraded at the next sign-in.",
    )

    @property
    def asks_for_admin(self) -> bool:
        """Tell whether a field is set that only admins may set."""
        return any(value is not None for value in (self.roles, self.email_verified, self.password_hash))


# Named examples for OpenAPI.
NEW_USERS: dict[str, Any] = {
    "oneself": {
        "summary": "Somebody registers",
        "value": {"email": "ada@example.com", "password": "correct horse battery", "display_name": "Ada Lovelace"},
    },
    "as an admin": {
        "summary": "An admin creates a user",
        "value": {
            "email": "grace@example.com",
            "password": "correct horse battery",
            "roles": ["support"],
            "email_verified": True,
        },
    },
    "from another system": {
        "summary": "An admin takes over a user with the password they have",
        "value": {
            "email": "joan@example.com",
            "password_hash": "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            "email_verified": True,
        },
    },
}


class ProfileEdit(Body):
    """Change a profile; a field that is missing stays, null clears it."""

    display_name: DisplayName | None = Field(None, examples=["Ada King"])


class UserEdit(ProfileEdit):
    """Change a user as an admin; a field that is missing stays."""

    email_verified: bool = Field(default=False, description="Say that the address is theirs.", examples=[True])


class Roles(Body):
    """All roles a user shall have; those not listed are taken away."""

    roles: Annotated[list[Role], Field(max_length=32, examples=[["support"]])]


class Suspension(Body):
    """Why a user is suspended; only the audit trail keeps it."""

    reason: (
        Annotated[
            str,
            StringConstraints(max_length=500),
            AfterValidator(check_text),
            Field(json_schema_extra=PRINTABLE),
        ]
        | None
    ) = Field(None, examples=["abuse report"])
