"""Who calls: from the bearer token to its claims. Signature once, expiry and revocation every time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from service.clock import Clock, Pulse
from service.errors import Forbidden, StoreAway
from service.limits.charging import Charging, subscriber
from service.security.access_tokens import AccessTokens, KeyUnknown, TokenRefused
from service.security.claims import Claims
from service.security.revocations import Forgotten, Revocations
from service.telemetry import facts
from service.web.problems import SignInTooOld, TokenInvalid, TokenMissing

_BEARER = b"bearer "
_RELOAD_PAUSE_SECONDS = 1.0


@dataclass(slots=True)
class Gate:
    """Lets valid tokens through. What it cannot answer (a store away) is a 503, never a 401."""

    tokens: AccessTokens
    revocations: Revocations
    clock: Clock
    load_keys: Callable[[], Awaitable[object]]
    is_standing: Callable[[Claims], Awaitable[bool]]
    pulse: Pulse
    max_age_seconds: float
    _reloading: asyncio.Lock = field(default_factory=asyncio.Lock)
    # When the last attempt was over, and whether it loaded them.
    _reloaded_at: float = 0.0
    _is_reloaded: bool = True

    async def claims_or_refuse(self, authorization: bytes | None) -> Claims:
        """Return the claims of a bearer token, or refuse with 401."""
        raw_token = find_bearer(authorization)
        if raw_token is None:
            raise TokenMissing
        claims = await self._verified(raw_token)
        if self._is_cut_off:
            raise StoreAway("This replica has not heard of revocations for too long.")
        if await self._is_revoked(claims):
            raise TokenInvalid
        return claims

    def find_warm(self, authorization: bytes | None) -> Claims | None:
        """Return the claims of a token verified before that still stands, without waiting for anything."""
        raw_token = find_bearer(authorization)
        claims = self.tokens.find_remembered(raw_token) if raw_token else None
        if claims is None or self._is_cut_off:
            return None
        try:
            return None if self.revocations.is_revoked(claims) else claims
        except Forgotten:
            return None

    @property
    def _is_cut_off(self) -> bool:
        """Tell whether this replica must fail closed: it was asked to, and hears of nothing."""
        return self.max_age_seconds > 0 and self.pulse.age > self.max_age_seconds

    async def _verified(self, raw_token: bytes) -> Claims:
        try:
            return self.tokens.verify(raw_token)
        except KeyUnknown:
            if not self.tokens.has_keys:
                # Keys are loaded last: until then this process does not know either what was revoked.
                raise StoreAway from None
            if not await self._reload_keys():
                raise TokenInvalid from None
        except TokenRefused:
            raise TokenInvalid from None
        try:
            return self.tokens.verify(raw_token)
        except TokenRefused:
            raise TokenInvalid from None

    async def _reload_keys(self) -> bool:
        """Load the keys once for all who wait; tokens with an invented `kid` cause one load a second, not more.

        A load that failed is one too: who waited for it, and who comes within the second, is refused with it.
        """
        asked_at = self.clock.timestamp()
        async with self._reloading:
            has_waited = self._reloaded_at > asked_at
            if has_waited or asked_at - self._reloaded_at < _RELOAD_PAUSE_SECONDS:
                if not self._is_reloaded:
                    raise StoreAway
                return has_waited
            self._is_reloaded = False
            try:
                await self.load_keys()
                self._is_reloaded = True
            finally:
                self._reloaded_at = self.clock.timestamp()
            return True

    async def _is_revoked(self, claims: Claims) -> bool:
        try:
            return self.revocations.is_revoked(claims)
        except Forgotten:
            return not await self.is_standing(claims)


def find_bearer(authorization: bytes | None) -> bytes | None:
    """Return the token of an Authorization header (RFC 6750, 2.1)."""
    if authorization is None or authorization[:7].lower() != _BEARER:
        return None
    return authorization[7:].strip() or None


def authorization_of(request: Request) -> bytes | None:
    """Return the Authorization header; two of them would mean one caller here and another to a gateway."""
    given = request.headers.getlist("authorization")
    if len(given) > 1:
        raise TokenInvalid
    return given[0].encode("latin-1") if given else None


async def verified(request: Request) -> Claims:
    """Return who calls, uncounted: verifying costs less than counting it."""
    gate: Gate = request.app.state.gate
    return await gate.claims_or_refuse(authorization_of(request))


async def signed_in(request: Request) -> Claims:
    caller = await verified(request)
    await charging(request).charge_caller(caller.user_key)
    return caller


async def counted(request: Request) -> None:
    """Count a request that nobody signed, by its address."""
    await charging(request).charge_caller(subscriber(facts.current().address))


def charging(request: Request) -> Charging:
    part: Charging = request.app.state.charging
    return part


async def signed_in_or_nobody(request: Request) -> Claims | None:
    given = authorization_of(request)
    return None if given is None else await signed_in(request)


async def admin(request: Request) -> Claims:
    caller = await signed_in(request)
    if not caller.is_admin:
        raise Forbidden
    return caller


def refuse_unless_recent(request: Request, caller: Claims) -> None:
    """Ask for a new sign-in when the caller's last one is too old for what can't be taken back (RFC 9470)."""
    clock: Clock = request.app.state.clock
    most = request.app.state.settings.step_up_age.total_seconds()
    if clock.timestamp() - caller.signed_in_at > most:
        challenge = f'Bearer error="insufficient_user_authentication", max_age="{int(most)}"'
        raise SignInTooOld(headers={"WWW-Authenticate": challenge})


Verified = Annotated[Claims, Depends(verified)]
SignedIn = Annotated[Claims, Depends(signed_in)]
SignedInOrNobody = Annotated[Claims | None, Depends(signed_in_or_nobody)]
Admin = Annotated[Claims, Depends(admin)]
