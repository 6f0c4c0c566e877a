"""Charging requests to their policies; what is over the limit is refused before it costs anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from uuid import UUID

from service.limits.counting import Counting, Taken
from service.limits.policies import Policies, Policy
from service.limits.problems import account_delayed, rate_limited
from service.telemetry.metrics import LimitMetrics

_SUBSCRIBER_BITS = 64
_NOTHING = Taken([], 0.0, is_shared=False)


@dataclass(frozen=True, slots=True)
class Charging:
    """Refuses what is over a limit. Switched off it counts nothing."""

    is_on: bool
    policies: Policies
    counting: Counting
    metrics: LimitMetrics

    async def charge_sign_in(self, address: str, email_key: str) -> Taken:
        """Count an attempt to sign in from an address, on an account, known or not: one journey for both."""
        return await self._charge(self._from(address), (self.policies.sign_in_account, email_key), failed=email_key)

    async def charge_address(self, address: str) -> Taken:
        """Count an attempt to sign in from an address, where it is not known yet as what it counts on the account."""
        return await self._charge(self._from(address))

    async def charge_account(self, email_key: str, device: UUID | None) -> Taken:
        """Count an attempt on an account. A known device is counted apart and not delayed by others."""
        if device is not None:
            # NUL is in no address that anybody can send: nobody else is counted where a device is.
            return await self._charge((self.policies.sign_in_account, f"{email_key}\0{device.hex}"))
        return await self._charge((self.policies.sign_in_account, email_key), failed=email_key)

    async def charge_registration(self, address: str) -> None:
        await self._charge((self.policies.registration, subscriber(address)))

    async def charge_refresh(self, session_id: UUID) -> None:
        await self._charge((self.policies.refresh, session_id.hex))

    async def charge_caller(self, caller: str) -> None:
        """Count whatever has no policy of its own, by user or else by address."""
        await self._charge((self.policies.caller, caller))

    async def welcome(self, email_key: str, device: UUID | None, taken: Sequence[Taken]) -> bool:
        """Give back what a right password was charged, and forget the wrong ones; tells whether those were too many."""
        if not self.is_on:
            return False
        if device is not None:
            return await self.counting.welcome_device(email_key, taken)
        # Nothing delayed the account, or it would have been refused.
        self.counting.welcome(email_key, taken)
        return False

    def passed(self) -> None:
        """Count a sign-in that a lockout did not keep out."""
        self.metrics.lockout_passes.inc()

    async def fail(self, email_key: str, device: UUID | None) -> None:
        """Count a wrong password; from some number on the account waits, longer each time."""
        if self.is_on and device is None:
            await self.counting.fail(email_key)

    def _from(self, address: str) -> tuple[Policy, str]:
        return self.policies.sign_in_address, subscriber(address)

    async def _charge(self, *asked: tuple[Policy, str], failed: str | None = None) -> Taken:
        if not self.is_on:
            return _NOTHING
        taken = await self.counting.take(*asked, failed=failed)
        counted = len(taken.charges)
        charged = self.metrics.charged_in_redis if taken.is_shared else self.metrics.charged_here
        charged.count += counted + (taken.late_ms != 0)
        if taken.late_ms < 0:
            self.metrics.refused.labels("lockout").inc()
            raise account_delayed(self.counting.lockout, -taken.late_ms / 1000)
        if taken.late_ms > 0:
            policy, _ = asked[counted]
            self.metrics.refused.labels(policy.name).inc()
            raise rate_limited(policy, taken.late_ms)
        return taken


@lru_cache(maxsize=4096)
def subscriber(address: str) -> str:
    """Name whoever stands behind an address: an IPv4 address, or the /64 that an IPv6 subscriber has."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> _SUBSCRIBER_BITS << _SUBSCRIBER_BITS))
