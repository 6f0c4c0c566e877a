"""Counting by GCRA: in Redis and in memory alike, and giving back what was charged where it was charged."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import settings as rules
from hypothesis import strategies as st
from redis.crc import key_slot

from service.limits.counting import Counting, Taken
from service.limits.local_counts import LocalCounts
from service.limits.policies import Lockout, Policy
from service.limits.refunds import Refunds
from service.security.secrets import Secrets
from service.storage import RedisAway
from tests.kit.environment import SECRET, Addresses
from tests.kit.parts import commands_of, redis_of, settings_of
from tests.kit.waiting import eventually

NOWHERE = "redis://127.0.0.1:1/0"
HOUR = 3600.0
NOBODY = ("nobody", 0.0)


@dataclass
class Watch:
    """A clock that moves when the test says so; seconds."""

    seconds: float = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Model:
    """GCRA as it is written down: a bucket of `limit` that empties evenly."""

    policy: Policy
    level: float = 0.0
    at: float = field(default=1_000.0)

    def take(self, now: float) -> bool:
        self._settle(now)
        if self.level > self.policy.limit - 1 + 1e-6:
            return False
        self.level += 1
        return True

    def give_back(self, now: float) -> None:
        self._settle(now)
        self.level = max(0.0, self.level - 1)

    def _settle(self, now: float) -> None:
        self.level = max(0.0, self.level - (now - self.at) * 1000 / self.policy.emission_ms)
        self.at = now


policies = st.builds(Policy, st.just("any"), st.integers(1, 12), st.sampled_from([1.0, 60.0, HOUR]))
steps = st.lists(
    st.one_of(st.just("take"), st.just("give back"), st.floats(0, 90).map(lambda pause: round(pause, 3))), max_size=60
)


@given(policy=policies, script=steps)
def test_counting_in_memory_is_a_bucket_that_empties_evenly(policy: Policy, script: list[str | float]) -> None:
    watch = Watch()
    counts, model, charged = LocalCounts(watch), Model(policy), 0
    for step in script:
        if step == "take":
            # In between two steps time goes on, as it does between two requests.
            watch.seconds += 0.000_01
            is_passed = counts.take("key", policy) == 0
            assert is_passed == model.take(watch.seconds)
            charged += is_passed
        elif step == "give back" and charged:
            counts.give_back("key", policy)
            model.give_back(watch.seconds)
            charged -= 1
        elif isinstance(step, float):
            watch.seconds += step


@given(policy=policies, refunds=st.integers(0, 30), pause=st.floats(0, HOUR))
def test_giving_back_never_makes_more_room_than_there_is(policy: Policy, refunds: int, pause: float) -> None:
    watch = Watch()
    counts = LocalCounts(watch)
    counts.take("key", policy)
    watch.seconds += pause
    for _ in range(refunds):
        counts.give_back("key", policy)
    watch.seconds += 0.000_01

    assert sum(counts.take("key", policy) == 0 for _ in range(3 * policy.limit)) <= policy.limit


@given(policy=policies)
def test_a_refused_request_passes_after_exactly_as_long_as_it_was_told(policy: Policy) -> None:
    watch = Watch()
    counts = LocalCounts(watch)
    while not (told := counts.take("key", policy)):
        watch.seconds += 0.000_01
    watch.seconds += told / 1000 - 0.000_1
    too_soon = counts.take("key", policy)
    watch.seconds += 0.000_2

    assert too_soon > 0
    assert counts.take("key", policy) == 0


@rules(max_examples=25, deadline=None)
@given(limit=st.integers(1, 12), script=st.lists(st.sampled_from(["take", "take", "take", "give back"]), max_size=40))
def test_redis_and_memory_let_the_same_requests_pass(stores: Addresses, limit: int, script: list[str]) -> None:
    # Redis' clock can't be moved, so nothing refills: an hour for each request.
    policy = Policy("any", limit, limit * HOUR)

    async def play() -> list[tuple[bool, bool]]:
        counts, seen = LocalCounts(Watch()), []
        async with redis_of(settings_of(stores)) as redis:
            await commands_of(redis).delete("played")
            for step in script:
                if step == "take":
                    here = counts.take("played", policy)
                    _, there = await redis.take(("played", policy.emission_ms, policy.limit))
                    seen.append((here == 0, there == 0))
                else:
                    counts.give_back("played", policy)
                    await redis.welcome(NOBODY, ("played", policy.emission_ms))
        return seen

    for here, there in asyncio.run(play()):
        assert here == there


@pytest.mark.parametrize("limit", [1, 7, 600])
async def test_redis_tells_how_long_to_wait_and_lets_pass_then(stores: Addresses, limit: int) -> None:
    async with redis_of(settings_of(stores)) as redis:
        waits = [(await redis.take(("told", HOUR * 1000, limit)))[1] for _ in range(limit + 1)]

    assert waits[:-1] == [0.0] * limit
    # What refilled since the first request is all that is missing.
    assert HOUR * 1000 - 60_000 < waits[-1] <= HOUR * 1000


async def test_what_refills_in_redis_passes_when_it_was_told_to(stores: Addresses) -> None:
    async with redis_of(settings_of(stores)) as redis:
        request = ("soon", 300.0, 1)
        assert await redis.take(request) == (1, 0)
        counted, told = await redis.take(request)

        async def passes() -> bool:
            return await redis.take(request) == (1, 0)

        waited = await eventually(passes, within=told / 1000 + 1)

    assert counted == 0
    assert 0 < told <= 300
    # Asking took some time too; a wait that is skipped would end at once.
    assert waited > told / 1000 - 0.05


async def test_what_redis_counts_it_forgets_once_it_is_refilled(stores: Addresses) -> None:
    async with redis_of(settings_of(stores)) as redis:
        await redis.take(("kept", HOUR * 1000, 5))
        await redis.take(("kept", HOUR * 1000, 5))
        left_ms = await commands_of(redis).pttl("kept")
        await redis.welcome(NOBODY, ("kept", HOUR * 1000))
        await redis.welcome(NOBODY, ("kept", HOUR * 1000))

        assert HOUR * 1000 < left_ms <= 2 * HOUR * 1000
        assert await redis.get("kept") is None


async def test_a_charge_is_given_back_where_it_was_counted(stores: Addresses) -> None:
    policy = Policy("any", 4, 4 * HOUR)
    local = LocalCounts()
    async with counting_of(stores, local) as counting, counting_of(stores, local, NOWHERE) as alone:
        office = (policy, "an office")
        shared = [await counting.take(office) for _ in range(4)]
        assert [(await alone.take(office)).late_ms for _ in range(2)] == [0.0, 0.0]
        counting.welcome("ada@example.com", shared)

        # Two were charged in memory, where Redis was away; what Redis had counted takes nothing off them.
        assert [(await alone.take(office)).late_ms > 0 for _ in range(3)] == [False, False, True]
        # As if that absence were long ago: Redis alone counts again.
        local.away_at = float("-inf")
        assert [(await counting.take(office)).late_ms > 0 for _ in range(5)] == [*[False] * 4, True]


async def test_what_is_given_back_travels_with_the_next_charge_and_before_it(stores: Addresses) -> None:
    policy, who = Policy("travels", 1, HOUR), "ada@travels"
    async with counting_of(stores, LocalCounts()) as counting:
        await counting.fail(who)
        first = await counting.take((policy, who), failed=who)
        counting.welcome(who, [first])
        before = commands(counting)
        again = await counting.take((policy, who), failed=who)
        asked = commands(counting) - before
        third = await counting.take((policy, who), failed=who)
        failures = await commands_of(counting.redis).exists(counting._key("lockout", who))

    assert [taken.late_ms > 0 for taken in (first, again, third)] == [False, False, True]
    assert asked == 1
    assert not failures


async def test_what_is_given_back_reaches_redis_soon_without_another_charge(stores: Addresses) -> None:
    policy, who = Policy("soon", 1, HOUR), "ada@soon"
    async with counting_of(stores, LocalCounts()) as counting, counting_of(stores, LocalCounts()) as other:
        counting.welcome(who, [await counting.take((policy, who))])

        async def passes_elsewhere() -> bool:
            return (await other.take((policy, who))).late_ms == 0

        assert await eventually(passes_elsewhere, within=2.0) < 1
        before = commands(counting)
        await counting.refunds.send()
        assert commands(counting) == before


async def test_a_refused_charge_takes_along_what_is_given_back(stores: Addresses) -> None:
    policy, other_policy, who = Policy("along", 1, HOUR), Policy("along, too", 1, HOUR), "ada@along"
    async with counting_of(stores, LocalCounts()) as counting:
        mine = await counting.take((policy, who))
        await counting.take((other_policy, who))
        counting.welcome(who, [mine])
        refused = await counting.take((other_policy, who))
        again = await counting.take((policy, who))

    assert (refused.late_ms > 0, again.late_ms) == (True, 0)


async def test_a_known_device_is_welcome_at_once_and_tells_of_a_lockout(stores: Addresses) -> None:
    policy, who = Policy("device", 1, HOUR), "ada@device"
    async with counting_of(stores, LocalCounts()) as counting, counting_of(stores, LocalCounts()) as other:
        for _ in range(6):
            await counting.fail(who)
        locked = await other.take((policy, "anybody"), failed=who)
        passed = [await counting.welcome_device(who, [await counting.take((policy, "a device"))]) for _ in range(2)]
        again = await other.take((policy, "anybody"), failed=who)

    assert (locked.late_ms < 0, again.late_ms) == (True, 0)
    assert passed == [True, False]


async def test_what_can_not_be_given_back_is_not_kept(stores: Addresses) -> None:
    async with counting_of(stores, LocalCounts(), NOWHERE) as alone:
        alone.welcome("ada@example.com", [])
        await alone.refunds.send()

        assert alone.refunds.collect() == []


def commands(counting: Counting) -> int:
    """Count what Redis has answered."""
    return counting.redis._metrics.answered.count


@dataclass
class SignIns:
    """Attempts to sign in as the service counts them: by address and by account, in one journey."""

    counting: Counting
    addresses: Policy = field(default_factory=lambda: Policy("sign-in-address", 3, 3 * HOUR))
    accounts: Policy = field(default_factory=lambda: Policy("sign-in-account", 2, 2 * HOUR))

    async def attempt(self, address: str, account: str) -> Taken:
        return await self.counting.take((self.addresses, address), (self.accounts, account), failed=account)


@pytest.mark.parametrize("redis_url", [None, NOWHERE], ids=["in Redis", "without it"])
async def test_of_two_counted_at_once_the_first_stays_counted_where_the_second_has_to_wait(
    stores: Addresses, redis_url: str | None
) -> None:
    async with counting_of(stores, LocalCounts(), redis_url) as counting:
        sign_ins, who = SignIns(counting), redis_url or "here"
        ada = [await sign_ins.attempt(who, f"ada@{who}") for _ in range(4)]
        eve = await sign_ins.attempt(f"{who}, too", f"ada@{who}")

    # Twice on the account, the third time no more; the fourth time not even from the address.
    assert [len(taken.charges) for taken in ada] == [2, 2, 1, 0]
    assert [taken.late_ms > 0 for taken in ada] == [False, False, True, True]
    assert [taken.is_shared for taken in ada] == [redis_url is None] * 4
    assert (len(eve.charges), eve.late_ms > 0) == (1, True)


@pytest.mark.parametrize("redis_url", [None, NOWHERE], ids=["in Redis", "without it"])
async def test_an_account_that_waits_for_wrong_passwords_is_not_counted_but_the_address_is(
    stores: Addresses, redis_url: str | None
) -> None:
    async with counting_of(stores, LocalCounts(), redis_url) as counting:
        sign_ins, who = SignIns(counting), f"waiting {redis_url}"
        for _ in range(6):
            await counting.fail(who)
        delayed = [await sign_ins.attempt(who, who) for _ in range(4)]
        counting.welcome(who, [])
        others = [await sign_ins.attempt(f"{who}, elsewhere", who) for _ in range(3)]

    assert [len(taken.charges) for taken in delayed] == [1, 1, 1, 0]
    assert [taken.late_ms < 0 for taken in delayed] == [True, True, True, False]
    assert [taken.late_ms > 0 for taken in others] == [False, False, True]


async def test_after_redis_was_away_two_counted_at_once_are_counted_here_too_and_given_back(stores: Addresses) -> None:
    local = LocalCounts()
    async with counting_of(stores, local) as counting:
        local.note_away()
        sign_ins = SignIns(counting)
        taken = [await sign_ins.attempt("back", "ada@back") for _ in range(3)]
        for each in taken[:2]:
            counting.welcome("ada@back", [each])
        again = [await sign_ins.attempt("back", "ada@back") for _ in range(3)]

    assert [len(each.charges) for each in taken] == [2, 2, 1]
    assert all(each.is_shared and charge.is_local for each in taken[:2] for charge in each.charges)
    # From the address one was not given back: it was not welcome.
    assert [len(each.charges) for each in again] == [2, 2, 0]


async def test_keys_are_macs_and_differ_by_policy(stores: Addresses) -> None:
    async with counting_of(stores, LocalCounts()) as counting:
        charges = [
            charge
            for name in ("sign-in-account", "caller")
            for charge in (await counting.take((Policy(name, 4, HOUR), "ada@example.com"))).charges
        ]

    assert len({charge.key for charge in charges}) == 2
    assert not any("ada" in charge.key for charge in charges)


async def test_a_sharded_redis_runs_the_scripts_too(stores: Addresses) -> None:
    async with counting_of(stores, LocalCounts()) as counting:
        names = ("sign-in-account", "sign-in-address", "lockout")
        slots = {key_slot(counting._key(name, who).encode()) for name in names for who in ("ada@example.com", "::1")}

    # One script asks for keys of several of them.
    assert len(slots) == 1


def test_a_share_of_a_limit_is_at_least_one_request() -> None:
    policy = Policy("any", 10, 60.0)

    assert [policy.share(shares).limit for shares in (1, 4, 10, 50)] == [10, 2, 1, 1]


def test_wrong_passwords_in_memory_delay_longer_each_time_wear_off_and_are_forgotten() -> None:
    watch, lockout = Watch(), Lockout(threshold=3, first=2.0, longest=10.0, kept=100.0)
    counts, delays = LocalCounts(watch), []
    for _ in range(7):
        counts.fail("key", lockout)
        delays.append(counts.delay("key"))
        watch.seconds += delays[-1]
        assert counts.delay("key") == 0

    watch.seconds += 101
    counts.fail("key", lockout)

    assert delays == [0, 0, 2, 4, 8, 10, 10]
    assert counts.delay("key") == 0


async def delay_of(counting: Counting) -> float:
    """Ask for how many seconds the account still waits; what may pass is one request more of plenty."""
    taken = await counting.take((Policy("plenty", 1000, HOUR), "ada@example.com"), failed="ada@example.com")
    return -taken.late_ms / 1000


async def test_wrong_passwords_in_redis_delay_longer_each_time(stores: Addresses) -> None:
    async with counting_of(stores, LocalCounts()) as counting:
        delays = []
        for _ in range(8):
            await counting.fail("ada@example.com")
            delays.append(await delay_of(counting))
        counting.welcome("ada@example.com", [])

        assert await delay_of(counting) == 0
    # What passes between counting and asking is the test's own time.
    for delay, expected in zip(delays, [0, 0, 0, 0, 2, 4, 8, 16], strict=True):
        assert max(0, expected - 1) <= delay <= expected


async def test_delays_outlive_redis(stores: Addresses) -> None:
    local = LocalCounts()
    async with counting_of(stores, local) as counting, counting_of(stores, local, NOWHERE) as alone:
        for _ in range(10):
            await counting.fail("ada@example.com")

        assert await delay_of(alone) > 0
        alone.welcome("ada@example.com", [])
        assert await delay_of(alone) == 0


async def test_an_account_that_waits_is_not_counted_in_memory_either(stores: Addresses) -> None:
    policy, local, who = Policy("any", 2, HOUR), LocalCounts(), "ada@example.com"
    async with counting_of(stores, local, NOWHERE) as alone:
        # Redis has been given up a moment ago: requests are counted here before Redis is asked again.
        local.note_away()
        for _ in range(5):
            await alone.fail(who)
        delayed = [(await alone.take((policy, who), failed=who)).late_ms for _ in range(4)]
        alone.welcome(who, [])
        counted = [(await alone.take((policy, who), failed=who)).late_ms for _ in range(3)]

    assert all(milliseconds < 0 for milliseconds in delayed)
    assert [milliseconds > 0 for milliseconds in counted] == [False, False, True]


async def test_a_connection_that_can_not_be_had_is_an_absence_and_a_late_answer_is_none(stores: Addresses) -> None:
    policy, gone, slow = Policy("any", 4, HOUR), LocalCounts(), LocalCounts()
    async with counting_of(stores, gone, NOWHERE) as counting:
        await counting.take((policy, "an office"))
    async with counting_of(stores, slow, redis_timeout="100ms") as counting, redis_of(settings_of(stores)) as other:
        await counting.take((policy, "an office"))
        await commands_of(other).client_pause(400, all=True)
        late = await counting.take((policy, "an office"))

    assert gone.remembers(policy)
    assert not late.is_shared
    assert not slow.remembers(policy)


async def test_memory_is_bounded_and_the_least_recently_charged_goes_first() -> None:
    counts, policy = LocalCounts(Watch()), Policy("any", 1, HOUR)
    for number in range(50_001):
        counts.take(f"key {number}", policy)
        counts.fail(f"key {number}", Lockout(threshold=1))

    assert counts.take("key 50000", policy) > 0
    assert counts.take("key 0", policy) == 0
    assert (counts.delay("key 0"), counts.delay("key 1")) == (0, 2)


async def test_a_dead_redis_is_asked_a_few_times_and_then_left_alone(stores: Addresses) -> None:
    async with redis_of(settings_of(stores, redis_url=NOWHERE)) as redis:
        for _ in range(8):
            with pytest.raises(RedisAway):
                await redis.get("any")

        outcomes = {
            sample.labels["outcome"]: sample.value
            for family in redis._metrics.commands.collect()
            for sample in family.samples
            if sample.name.endswith("_total")
        }
    assert outcomes == {"answered": 0, "failed": 5, "not_asked": 3}


@asynccontextmanager
async def counting_of(
    stores: Addresses, local: LocalCounts, redis_url: str | None = None, **changed: str
) -> AsyncIterator[Counting]:
    """Count on the test's Redis, or where there is none."""
    settings = settings_of(stores, redis_url=redis_url or stores.redis_url, **changed)
    async with redis_of(settings) as redis:
        yield Counting(redis, Refunds(redis), local, Secrets([SECRET]), 1, Lockout())
