"""The policies: how many in how long, and under which key a request is counted."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """`limit` requests in `seconds`, evenly refilled (GCRA); all of them may come at once."""

    name: str
    limit: int
    seconds: float

    @property
    def emission_ms(self) -> float:
        """How long one request takes to be forgotten."""
        return self.seconds * 1000 / self.limit

    def share(self, shares: int) -> "Policy":
        """Give the part of one process out of `shares` that can't see each other; at least one request."""
        return Policy(self.name, max(1, self.limit // shares), self.seconds)


@dataclass(frozen=True, slots=True)
class Policies:
    """All policies in force."""

    sign_in_account: Policy
    sign_in_address: Policy
    registration: Policy
    refresh: Policy
    caller: Policy


@dataclass(frozen=True, slots=True)
class Lockout:
    """After `threshold` wrong passwords each further one doubles the delay, from `first` to `longest` seconds."""

    threshold: int = 5
    first: float = 2.0
    longest: float = 900.0
    kept: float = 86400.0

    def delay(self, failures: int) -> float:
        """Say how many seconds an account waits after this many wrong passwords in a row."""
        if failures < self.threshold:
            return 0.0
        return min(self.longest, self.first * 2.0 ** min(failures - self.threshold, 32))
