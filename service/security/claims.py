"""What a verified access token says of its bearer."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(slots=True)
class Claims:
    """The claims of one access token (RFC 9068). Instants are seconds since the epoch, as in the token.

    `answer` belongs to whoever renders the claims: what was rendered once is kept as long as they are remembered.
    """

    user_id: UUID
    session_id: UUID
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    epoch: int
    signed_in_at: int
    issued_at: int
    expires_at: int
    key_id: str
    # The user's id as the key of caches: made once per token, not once per request.
    user_key: str = ""
    answer: object = None

    @property
    def is_admin(self) -> bool:
        return "admin" in self.roles


@dataclass(frozen=True, slots=True)
class Grant:
    """What an access token is to be issued for."""

    user_id: UUID
    session_id: UUID
    roles: tuple[str, ...]
    epoch: int
    signed_in_at: datetime
    session_expires_at: datetime
