"""Token pairs: what a session's holder gets at sign-in, at refresh, and after a new password."""

from dataclasses import dataclass

from service.security import refresh_tokens
from service.security.access_tokens import AccessTokens
from service.security.claims import Grant
from service.security.secrets import Secrets
from service.sessions.records import Signing
from service.sessions.shapes import PairSession, TokenPair


@dataclass(frozen=True, slots=True)
class Pairs:
    """Issues the tokens of a session; needs neither store."""

    access: AccessTokens
    secrets: Secrets

    def issue(self, signing: Signing) -> TokenPair:
        grant = Grant(
            signing.user_id,
            signing.session_id,
            tuple(signing.roles),
            signing.epoch,
            signing.created_at,
            signing.expires_at,
        )
        access_token, expires_in = self.access.issue(grant)
        return TokenPair(
            token_type="Bearer",  # noqa: S106 - RFC 6750's word
            access_token=access_token,
            expires_in=expires_in,
            refresh_token=refresh_tokens.issue(self.secrets, signing.session_id, signing.generation),
            refresh_expires_in=int((signing.expires_at - signing.database_time).total_seconds()),
            session=PairSession(
                id=signing.session_id,
                device=signing.device,
                created_at=signing.created_at,
                expires_at=signing.expires_at,
            ),
        )
