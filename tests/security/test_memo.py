"""The memo of verified tokens, with a clock that the test moves: what is remembered still ends on time."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from service.clock import Clock
from service.security.access_tokens import AccessTokens, KeyUnknown, TokenRefused, TokenRules
from service.security.claims import Grant
from service.security.key_ring import KeyRing, NoSigningKey, VerifyingKey, new_key_id, new_private_key

STARTED = 1_800_000_000.0
TTL, LEEWAY = timedelta(minutes=10), timedelta(seconds=5)
END = STARTED + TTL.total_seconds() + LEEWAY.total_seconds()


@dataclass
class Watch:
    """A source of time that only the test moves."""

    time: float = STARTED

    def __call__(self) -> float:
        return self.time


@dataclass
class Bench:
    """Access tokens over a ring and a watch of their own."""

    watch: Watch = field(default_factory=Watch)
    ring: KeyRing = field(default_factory=KeyRing)
    memo_entries: int = 10
    tokens: AccessTokens = field(init=False)

    def __post_init__(self) -> None:
        rules = TokenRules("https://id.example.test", "signet", TTL, LEEWAY, lambda roles: roles)
        self.tokens = AccessTokens(self.ring, rules, Clock(self.watch), self.memo_entries)
        self.load([key()])

    def load(self, keys: Iterable[VerifyingKey]) -> bool:
        return self.ring.replace(keys)

    def issue(self, session_life: timedelta = timedelta(days=90)) -> bytes:
        started = datetime.fromtimestamp(self.watch.time, UTC)
        token, _ = self.tokens.issue(Grant(uuid4(), uuid4(), ("support",), 0, started, started + session_life))
        return token.encode()


def key(algorithm: str = "ES256", active_at: float = STARTED - 60) -> VerifyingKey:
    private = new_private_key(algorithm)
    starts = datetime.fromtimestamp(active_at, UTC)
    return VerifyingKey(new_key_id(), algorithm, private, private.public_key(), starts, None)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_remembered_token_is_answered_until_its_last_moment_and_not_after(bench: Bench) -> None:
    token = bench.issue()
    claims = bench.tokens.verify(token)

    bench.watch.time = END - 0.001
    assert bench.tokens.find_remembered(token) == claims
    assert bench.tokens.verify(token) == claims

    bench.watch.time = END
    assert bench.tokens.find_remembered(token) is None
    with pytest.raises(TokenRefused):
        bench.tokens.verify(token)


def test_memo_and_verification_end_a_token_at_the_same_instant(bench: Bench) -> None:
    remembering, forgetful = bench, Bench(watch=bench.watch, ring=bench.ring, memo_entries=0)
    forgetful.load([bench.ring.signing_key(STARTED)])
    token = remembering.issue()
    remembering.tokens.verify(token)

    for instant in (END - 1, END - 0.001, END, END + 0.001):
        bench.watch.time = instant
        assert verifies(remembering, token) == verifies(forgetful, token), instant - END


def test_a_token_of_the_future_is_forgiven_the_leeway_and_no_more(bench: Bench) -> None:
    token = bench.issue()

    bench.watch.time = STARTED - LEEWAY.total_seconds() - 0.001
    assert not verifies(bench, token)

    bench.watch.time = STARTED - LEEWAY.total_seconds()
    assert verifies(bench, token)


def test_a_token_never_outlives_its_session(bench: Bench) -> None:
    short, long = bench.issue(timedelta(seconds=90)), bench.issue(timedelta(days=90))

    assert bench.tokens.verify(short).expires_at == STARTED + 90
    assert bench.tokens.verify(long).expires_at == STARTED + TTL.total_seconds()


def test_what_was_refused_is_not_remembered(bench: Bench) -> None:
    token = bench.issue()
    bench.watch.time = END
    assert not verifies(bench, token)

    bench.watch.time = STARTED
    assert bench.tokens.find_remembered(token) is None
    assert verifies(bench, token)


def test_a_retired_key_takes_its_remembered_tokens_along(bench: Bench) -> None:
    former = bench.ring.signing_key(STARTED)
    token = bench.issue()
    bench.tokens.verify(token)

    is_gone = bench.load([key()])
    bench.tokens.forget_all()

    assert is_gone
    with pytest.raises(KeyUnknown) as refused:
        bench.tokens.verify(token)
    assert refused.value.key_id == former.key_id


def test_a_successor_takes_no_remembered_token_away(bench: Bench) -> None:
    former, token = bench.ring.signing_key(STARTED), bench.issue()
    bench.tokens.verify(token)
    successor = key(active_at=STARTED + 3600)

    assert not bench.load([former, successor])

    assert bench.tokens.find_remembered(token) is not None
    assert bench.ring.signing_key(STARTED + 3599) is former
    assert bench.ring.signing_key(STARTED + 3600) is successor


def test_a_full_memo_forgets_the_oldest_and_still_verifies_it(bench: Bench) -> None:
    issued = [bench.issue() for _ in range(bench.memo_entries + 1)]
    for token in issued:
        bench.tokens.verify(token)

    assert bench.tokens.find_remembered(issued[0]) is None
    assert all(bench.tokens.find_remembered(token) for token in issued[1:])
    assert verifies(bench, issued[0])


def test_a_token_is_verified_with_the_algorithm_of_its_key_alone(bench: Bench) -> None:
    elliptic, rsa = key("ES256"), key("RS256", active_at=STARTED - 30)
    bench.load([elliptic, rsa])

    token = bench.issue()

    assert bench.tokens.verify(token).key_id == rsa.key_id


def test_without_an_active_key_nothing_is_signed(bench: Bench) -> None:
    bench.load([key(active_at=STARTED + 1)])
    with pytest.raises(NoSigningKey):
        bench.issue()

    bench.watch.time = STARTED + 1
    assert verifies(bench, bench.issue())


def verifies(bench: Bench, token: bytes) -> bool:
    try:
        bench.tokens.verify(token)
    except TokenRefused:
        return False
    return True
