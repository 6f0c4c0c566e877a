"""Counting: in Redis, so that all replicas count together, else by this process' share."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from service.limits.local_counts import LocalCounts
from service.limits.policies import Lockout, Policy
from service.limits.refunds import Refunds
from service.security.secrets import Secrets
from service.storage import Redis, RedisAway, RedisGone, Refund

_LOCKOUT = "lockout"
_LONGEST_RUN = 32


class Charge(NamedTuple):
    """What was counted; `is_local` tells that this process counted it, too or alone."""

    key: str
    policy: Policy
    is_local: bool


class Taken(NamedTuple):
    """What was counted, and after how many milliseconds the request behind that may pass: 0 if there is none.

    Less than 0 are the milliseconds that wrong passwords delay it. `is_shared` tells whether Redis counted and said so.
    """

    charges: list[Charge]
    late_ms: float
    is_shared: bool


@dataclass(frozen=True, slots=True)
class Counting:
    """Counts under keys that are MACs: nobody reads addresses out of Redis."""

    redis: Redis
    refunds: Refunds
    local: LocalCounts
    secrets: Secrets
    shares: int
    lockout: Lockout

    async def take(self, *asked: tuple[Policy, str], failed: str | None = None) -> Taken:
        """Count requests, each a policy and who it is counted for, one after the other until one has to wait.

        While wrong passwords `failed` an account before, they delay the last of them.
        A Redis that is back may have forgotten everything: as long as a limit reaches back to its absence, this
        process keeps to its share beside it, so that no more than the limit passes a second time.
        """
        charges = [self._charge(policy, who) for policy, who in asked]
        failures = self._key(_LOCKOUT, failed) if failed else None
        for number, charge in enumerate(charges):
            if charge.is_local and (late_ms := self._take_here(charge)) > 0:
                return Taken(charges[:number], late_ms, is_shared=False)
        requests = [(charge.key, charge.policy.emission_ms, charge.policy.limit) for charge in charges]
        try:
            counted, late_ms = await self.redis.take(*requests, failures=failures, refunds=self.refunds.collect())
        except RedisAway as error:
            if isinstance(error, RedisGone):
                self.local.note_away()
            return self._take_without_redis(charges, failures)
        for charge in charges[counted:]:
            self._give_back_here(charge)
        return Taken(charges[:counted], late_ms, is_shared=True)

    def welcome(self, email_key: str, taken: Sequence[Taken]) -> None:
        """Give back what a good sign-in was charged, and forget the wrong passwords of the account, in Redis soon."""
        _, refunds = self._welcome_here(email_key, taken)
        self.refunds.add(refunds)

    async def welcome_device(self, email_key: str, taken: Sequence[Taken]) -> bool:
        """Welcome a known device: its account may wait for it, so in Redis at once.

        Tells whether wrong passwords delayed the account: the device has passed a lockout then.
        """
        was_delayed, refunds = self._welcome_here(email_key, taken)
        try:
            return await self.redis.welcome(*refunds) > 0
        except RedisAway:
            return was_delayed

    def _welcome_here(self, email_key: str, taken: Sequence[Taken]) -> tuple[bool, list[Refund]]:
        """Welcome in this process; gives whether it delayed the account, and what is left for Redis."""
        failures = self._key(_LOCKOUT, email_key)
        was_delayed = self.local.delay(failures) > 0
        self.local.clear(failures)
        refunds = [(failures, 0.0)]
        for each in taken:
            for charge in each.charges:
                self._give_back_here(charge)
                if each.is_shared:
                    refunds.append((charge.key, charge.policy.emission_ms))
        return was_delayed, refunds

    async def fail(self, email_key: str) -> None:
        """Count a wrong password, also in this process: it is what remembers when Redis goes."""
        key = self._key(_LOCKOUT, email_key)
        self.local.fail(key, self.lockout)
        delays_ms = [round(self.lockout.delay(failures) * 1000) for failures in range(1, _LONGEST_RUN)]
        try:
            await self.redis.fail(key, delays_ms, round(self.lockout.kept * 1000))
        except RedisAway:
            return

    def _take_without_redis(self, charges: list[Charge], failures: str | None) -> Taken:
        """Count here what has not been counted here already."""
        for number, charge in enumerate(charges):
            is_last = number == len(charges) - 1
            if is_last and failures and (delay := self.local.delay(failures)) > 0:
                self._give_back_here(charge)
                return Taken(charges[:number], -delay * 1000, is_shared=False)
            if not charge.is_local and (late_ms := self._take_here(charge)) > 0:
                return Taken(charges[:number], late_ms, is_shared=False)
        here = [Charge(each.key, each.policy, is_local=True) for each in charges]
        return Taken(here, 0.0, is_shared=False)

    def _charge(self, policy: Policy, who: str) -> Charge:
        """Prepare a charge; it is one here from the start if Redis may have forgotten others."""
        return Charge(self._key(policy.name, who), policy, self.local.remembers(policy))

    def _take_here(self, charge: Charge) -> float:
        return self.local.take(charge.key, charge.policy.share(self.shares))

    def _give_back_here(self, charge: Charge) -> None:
        if charge.is_local:
            self.local.give_back(charge.key, charge.policy.share(self.shares))

    def _key(self, name: str, who: str) -> str:
        return _key(self.secrets, name, who)


@lru_cache(maxsize=4096)
def _key(secrets: Secrets, name: str, who: str) -> str:
    """Name a count. A sign-in asks twice for the one of its account's failures, and crowds share an address."""
    mac = secrets.digest(b"limit", name.encode(), who.encode("utf-8", "surrogatepass"))
    # By the braces all of them are of one slot: a script asks for several, and a sharded server runs none across.
    return f"signet:{{limit}}:1:{name}:{mac.hex()[:32]}"
