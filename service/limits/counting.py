"""Counting: in Redis, so that all replicas count together, else by this process' share."""

from dataclasses import dataclass

from service.limits.local_counts import LocalCounts
from service.limits.policies import Lockout, Policy
from service.security.secrets import Secrets
from service.storage import Redis, RedisAway, RedisGivenUp

_LOCKOUT = "lockout"
_LONGEST_RUN = 32


@dataclass(frozen=True, slots=True)
class Charge:
    """What was counted and where, so that it can be given back there and nowhere else."""

    key: str
    policy: Policy
    is_shared: bool
    is_local: bool


@dataclass(frozen=True, slots=True)
class Counting:
    """Counts under keys that are MACs: nobody reads addresses out of Redis."""

    redis: Redis
    local: LocalCounts
    secrets: Secrets
    shares: int
    lockout: Lockout

    async def take(self, policy: Policy, who: str, failed: str | None = None) -> tuple[Charge, float]:
        """Count one request; gives the charge, and after how many milliseconds it may pass (0: now).

        Wrong passwords `failed` an account before: while they delay it nothing is counted, and the milliseconds left
        are given below 0.
        A Redis that is back may have forgotten everything: as long as a limit reaches back to its absence, this
        process keeps to its share beside it, so that no more than the limit passes a second time.
        """
        key, share = self._key(policy.name, who), policy.share(self.shares)
        failures = self._key(_LOCKOUT, failed) if failed else None
        was_away = self.local.remembers(policy)
        here = Charge(key, policy, is_shared=False, is_local=True)
        if was_away and (late := self.local.take(key, share)) > 0:
            return here, late
        try:
            late = await self.redis.take(key, policy.emission_ms, policy.limit, failures)
        except RedisAway as error:
            if isinstance(error, RedisGivenUp):
                self.local.note_away()
            if failures and (delay := self.local.delay(failures)) > 0:
                if was_away:
                    self.local.give_back(key, share)
                return here, -delay * 1000
            return here, 0.0 if was_away else self.local.take(key, share)
        if was_away and late:
            self.local.give_back(key, share)
        return Charge(key, policy, is_shared=True, is_local=was_away), late

    async def welcome(self, email_key: str, charges: list[Charge]) -> bool:
        """Give back what a good sign-in was charged, and forget the wrong passwords of the account.

        Tells whether they delayed it: whoever signs in then has passed a lockout.
        """
        failures = self._key(_LOCKOUT, email_key)
        was_delayed = self.local.delay(failures) > 0
        self.local.clear(failures)
        for charge in charges:
            if charge.is_local:
                self.local.give_back(charge.key, charge.policy.share(self.shares))
        try:
            shared = [(charge.key, charge.policy.emission_ms) for charge in charges if charge.is_shared]
            return await self.redis.welcome(failures, shared) > 0
        except RedisAway:
            return was_delayed

    async def fail(self, email_key: str) -> None:
        """Count a wrong password, also in this process: it is what remembers when Redis goes."""
        key = self._key(_LOCKOUT, email_key)
        self.local.fail(key, self.lockout)
        delays_ms = [round(self.lockout.delay(failures) * 1000) for failures in range(1, _LONGEST_RUN)]
        try:
            await self.redis.fail(key, delays_ms, round(self.lockout.kept * 1000))
        except RedisAway:
            return

    def _key(self, name: str, who: str) -> str:
        mac = self.secrets.digest(b"limit", name.encode(), who.encode("utf-8", "surrogatepass"))
        # By the braces all of them are of one slot: a script asks for several, and a sharded server runs none across.
        return f"signet:{{limit}}:1:{name}:{mac.hex()[:32]}"
