"""Counting: in Redis, so that all replicas count together, else by this process' share."""

from dataclasses import dataclass

from service.limits.local_counts import LocalCounts
from service.limits.policies import Lockout, Policy
from service.security.secrets import Secrets
from service.storage import Redis, RedisAway

_LONGEST_RUN = 32


@dataclass(frozen=True, slots=True)
class Charge:
    """What was counted and where, so that it can be given back there and nowhere else."""

    key: str
    policy: Policy
    is_shared: bool


@dataclass(frozen=True, slots=True)
class Counting:
    """Counts under keys that are MACs: nobody reads addresses out of Redis."""

    redis: Redis
    local: LocalCounts
    secrets: Secrets
    shares: int
    lockout: Lockout

    async def take(self, policy: Policy, who: str) -> tuple[Charge, float]:
        """Count one request; gives the charge, and after how many milliseconds it may pass (0: now)."""
        key = self._key(policy.name, who)
        try:
            return Charge(key, policy, True), await self.redis.take(key, policy.emission_ms, policy.limit)
        except RedisAway:
            return Charge(key, policy, False), self.local.take(key, policy.share(self.shares))

    async def give_back(self, charge: Charge) -> None:
        if not charge.is_shared:
            self.local.give_back(charge.key, charge.policy.share(self.shares))
            return
        try:
            await self.redis.give_back(charge.key, charge.policy.emission_ms)
        except RedisAway:
            return

    async def delay(self, email_key: str) -> float:
        """Say for how many seconds an account still waits after wrong passwords."""
        key = self._key("lockout", email_key)
        try:
            return await self.redis.delay(key) / 1000
        except RedisAway:
            return self.local.delay(key)

    async def fail(self, email_key: str) -> None:
        """Count a wrong password, also in this process: it is what remembers when Redis goes."""
        key = self._key("lockout", email_key)
        self.local.fail(key, self.lockout)
        delays_ms = [round(self.lockout.delay(failures) * 1000) for failures in range(1, _LONGEST_RUN)]
        try:
            await self.redis.fail(key, delays_ms, round(self.lockout.kept * 1000))
        except RedisAway:
            return

    async def clear(self, email_key: str) -> None:
        """Forget the wrong passwords of an account."""
        key = self._key("lockout", email_key)
        self.local.clear(key)
        try:
            await self.redis.delete(key)
        except RedisAway:
            return

    def _key(self, name: str, who: str) -> str:
        mac = self.secrets.digest(b"limit", name.encode(), who.encode("utf-8", "surrogatepass"))
        return f"signet:limit:1:{name}:{mac.hex()[:32]}"
