"""Refreshing: a token is exchanged for its successor, a lost answer is repeated, a replay ends the session."""

from dataclasses import dataclass

from service.changes.announcing import Announce
from service.changes.messages import session_over
from service.limits.charging import Charging
from service.security.refresh_tokens import Presented, SecretNotKnown, find_presented
from service.sessions import refresh_records
from service.sessions.pairs import Pairs
from service.sessions.problems import RefreshTokenRefused, RefreshUnsettled
from service.sessions.records import Cause, Lengths
from service.sessions.refresh_records import GRANTED, Outcome, Refreshed
from service.sessions.shapes import TokenPair
from service.storage import Database
from service.telemetry.metrics import DomainMetrics


@dataclass(frozen=True, slots=True)
class Refreshing:
    """Exchanges refresh tokens."""

    database: Database
    pairs: Pairs
    announce: Announce
    charging: Charging
    lengths: Lengths
    metrics: DomainMetrics

    async def refresh(self, raw_token: str) -> TokenPair:
        """Exchange a refresh token for its successor; a replay ends the session (RFC 9700, 4.14.2)."""
        presented = self._presented(raw_token)
        await self.charging.charge_refresh(presented.session_id)
        try:
            refreshed = await self._settle(presented)
        except BaseException:
            self.metrics.refreshes.labels("failed").inc()
            raise
        self.metrics.refreshes.labels(refreshed.outcome).inc()
        if refreshed.outcome is Outcome.REPLAYED:
            self.metrics.sessions_ended.labels(Cause.REPLAY).inc()
            await self.announce(session_over(presented.session_id))
        if refreshed.outcome is Outcome.UNSETTLED:
            raise RefreshUnsettled
        if refreshed.signing is None or refreshed.outcome not in GRANTED:
            raise RefreshTokenRefused
        return self.pairs.issue(refreshed.signing)

    def _presented(self, raw_token: str) -> Presented:
        """Read the token; garbage never reaches Postgres."""
        try:
            presented = find_presented(self.pairs.secrets, raw_token)
        except SecretNotKnown:
            self.metrics.secret_unknown.inc()
            presented = None
        if presented is None:
            self.metrics.refreshes.labels("garbage").inc()
            raise RefreshTokenRefused
        return presented

    async def _settle(self, presented: Presented) -> Refreshed:
        refreshed = await self._spend(presented)
        # Another refresh may commit between the UPDATE and the SELECT; the second look sees its result.
        return refreshed if refreshed.outcome is not Outcome.UNSETTLED else await self._spend(presented)

    async def _spend(self, presented: Presented) -> Refreshed:
        return await self.database.write(refresh_records.spend, presented, self.lengths)
