"""What limits refuse."""

from math import ceil

from service.errors import Problem
from service.limits.policies import Lockout, Policy


class RateLimited(Problem):
    """Too many requests of this kind. Wait for `Retry-After` seconds; the limit refills evenly."""

    status, code, title = 429, "rate_limited", "Too many requests."
    detail = "Wait for Retry-After seconds."
    headers = {"Retry-After": "1"}  # noqa: RUF012 - read only


class AccountDelayed(Problem):
    """Too many wrong passwords for this account. Wait, or sign in with `known_device` from a device used before."""

    status, code, title = 429, "account_delayed", "Too many wrong passwords."
    detail = "Wait for Retry-After seconds, or sign in from a device that was used before (known_device)."
    headers = {"Retry-After": "1"}  # noqa: RUF012 - read only


def rate_limited(policy: Policy, retry_ms: float) -> RateLimited:
    """Refuse in the words of draft-ietf-httpapi-ratelimit-headers-10."""
    seconds = max(1, ceil(retry_ms / 1000))
    return RateLimited(
        headers={
            "Retry-After": str(seconds),
            "RateLimit": f'"{policy.name}";r=0;t={seconds}',
            "RateLimit-Policy": f'"{policy.name}";q={policy.limit};w={ceil(policy.seconds)}',
        }
    )


def account_delayed(lockout: Lockout, delay: float) -> AccountDelayed:
    """Refuse in the same words: so many wrong passwords may come in a row, the next one may in so many seconds."""
    seconds = max(1, ceil(delay))
    return AccountDelayed(
        headers={
            "Retry-After": str(seconds),
            "RateLimit": f'"lockout";r=0;t={seconds}',
            "RateLimit-Policy": f'"lockout";q={lockout.threshold}',
        }
    )
