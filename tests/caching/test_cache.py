"""The cache over its two tiers: one load for all, nothing older than heard of, outdated only when it says so."""

import asyncio
import contextlib

import pytest

from service.storage import DatabaseAway, DatabaseBusy
from service.storage.cache import CacheRules, Tier
from tests.caching.play import KEY, NOWHERE, RULES, Replica, Truth, replica_of
from tests.kit.environment import Addresses
from tests.kit.waiting import eventually


async def until_loading(truth: Truth, loads: int = 1) -> None:
    async def is_loading() -> bool:
        return truth.loads >= loads

    await eventually(is_loading, within=5.0)


async def test_each_tier_answers_once_the_one_before_it_has_nothing(stores: Addresses) -> None:
    truth = Truth().open()
    async with replica_of(stores) as one, replica_of(stores) as other:
        tiers = [(await replica.read(truth.load)).tier for replica in (one, one, other, other)]

    assert tiers == [Tier.POSTGRES, Tier.NEAR, Tier.SHARED, Tier.NEAR]
    assert truth.loads == 1


async def test_however_many_ask_a_process_loads_once(stores: Addresses) -> None:
    truth = Truth()
    async with replica_of(stores) as one:
        readers = [asyncio.ensure_future(one.read(truth.load)) for _ in range(50)]
        await until_loading(truth)
        truth.open()
        found = await asyncio.gather(*readers)

    assert truth.loads == 1
    assert {answer.entry.body for answer in found} == {b"version 1"}


async def test_one_key_does_not_wait_for_another(stores: Addresses) -> None:
    slow, quick = Truth(), Truth().open()
    async with replica_of(stores) as one:
        waiting = asyncio.ensure_future(one.read(slow.load, "signet:test:1:slow"))
        await until_loading(slow)
        assert (await one.read(quick.load)).entry.version == 1
        slow.open()
        await waiting


async def test_a_caller_who_gives_up_does_not_take_the_load_away_from_the_others(stores: Addresses) -> None:
    truth = Truth()
    async with replica_of(stores) as one:
        first, second = (asyncio.ensure_future(one.read(truth.load)) for _ in range(2))
        await until_loading(truth)
        first.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await first
        truth.open()

        assert (await second).entry.version == 1
        assert (await one.read(truth.load)).tier is Tier.NEAR
    assert truth.loads == 1


async def test_a_load_that_everybody_has_left_still_fills_the_cache(stores: Addresses) -> None:
    truth = Truth()
    async with replica_of(stores) as one:
        only = asyncio.ensure_future(one.read(truth.load))
        await until_loading(truth)
        only.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await only
        truth.open()

        await eventually(_is_near, one, within=5.0)
    assert truth.loads == 1


async def test_a_load_that_fails_fails_for_all_and_the_next_one_loads_again(stores: Addresses) -> None:
    truth = Truth(failure=DatabaseBusy())
    async with replica_of(stores) as one:
        readers = [asyncio.ensure_future(one.read(truth.load)) for _ in range(3)]
        await until_loading(truth)
        truth.open()
        outcomes = await asyncio.gather(*readers, return_exceptions=True)
        truth.failure = None

        assert [type(outcome) for outcome in outcomes] == [DatabaseBusy] * 3
        assert (await one.read(truth.load)).tier is Tier.POSTGRES
    assert truth.loads == 2


async def test_whoever_asks_after_a_write_was_heard_never_gets_what_was_read_before_it(stores: Addresses) -> None:
    truth = Truth()
    async with replica_of(stores) as one, replica_of(stores) as other:
        before = asyncio.ensure_future(one.read(truth.load))
        await until_loading(truth)
        truth.version = 2
        one.cache.raise_least(KEY, 2)
        after = asyncio.ensure_future(one.read(truth.load))
        await until_loading(truth, 2)
        truth.open()

        # Whoever asked before may see either; whoever asks from now on sees the write.
        await before
        assert (await after).entry.version == 2
        assert (await one.read(truth.load)).entry.version == 2
        other.cache.raise_least(KEY, 2)
        assert (await other.read(truth.load)).entry.version == 2


async def test_a_load_that_began_before_a_write_is_kept_in_neither_tier(stores: Addresses) -> None:
    truth = Truth()
    async with replica_of(stores) as one:
        before = asyncio.ensure_future(one.read(truth.load))
        await until_loading(truth)
        one.cache.raise_least(KEY, 2)
        truth.open()
        await before

        assert one.cache.find_near(KEY) is None
        assert await one.redis.get(KEY) is None


async def test_an_old_entry_that_comes_back_with_redis_is_never_served(stores: Addresses) -> None:
    truth = Truth().open()
    async with replica_of(stores) as one, replica_of(stores) as other:
        await one.read(truth.load)
        old = await one.redis.get(KEY)
        assert old is not None
        truth.version = 2
        one.cache.raise_least(KEY, 2)
        other.cache.raise_least(KEY, 2)
        await one.redis.set(KEY, old, 100_000)

        assert (await other.read(truth.load)).entry.version == 2
        await one.redis.set(KEY, old, 100_000)
        other.near.drop(KEY)
        assert (await other.read(truth.load)).entry.version == 2
        assert (await one.read(truth.load)).entry.version == 2


@pytest.mark.parametrize("heard", [[3, 2], [2, 3], [3, 3, 2]])
async def test_changes_may_be_heard_twice_and_out_of_order(stores: Addresses, heard: list[int]) -> None:
    truth = Truth(version=2).open()
    async with replica_of(stores) as one:
        await one.read(truth.load)
        for version in heard:
            one.cache.raise_least(KEY, version)
        truth.version = 3

        assert (await one.read(truth.load)).entry.version == 3
        assert (await one.read(truth.load)).tier is Tier.NEAR


async def test_hearing_again_of_what_is_known_costs_no_second_look(stores: Addresses) -> None:
    truth = Truth(version=2).open()
    async with replica_of(stores) as one:
        one.cache.raise_least(KEY, 2)
        await one.read(truth.load)
        one.cache.raise_least(KEY, 2)

        assert (await one.read(truth.load)).tier is Tier.NEAR


async def test_nothing_under_a_key_is_remembered_briefly_and_in_this_process_alone(stores: Addresses) -> None:
    truth = Truth(version=0).open()
    async with replica_of(stores) as one:
        tiers = [(await one.read(truth.load)).tier for _ in range(2)]
        one.watch.seconds += RULES.unknown_ttl
        truth.version = 1

        assert tiers == [Tier.POSTGRES, Tier.NEAR]
        assert await one.redis.get(KEY) is None
        assert (await one.read(truth.load)).entry.version == 1


async def test_entries_expire_within_the_jitter_and_not_all_at_once(stores: Addresses) -> None:
    truth = Truth().open()
    async with replica_of(stores) as one:
        for number in range(40):
            await one.read(truth.load, f"signet:test:1:{number}")
        near = [until - one.watch.seconds for _, until, _ in one.near._held.values()]
        shared = [await _fresh_for(one, f"signet:test:1:{number}") for number in range(40)]

    for left, ttl in ((near, RULES.near_ttl), (shared, RULES.shared_ttl)):
        assert all(0.9 * ttl - 0.01 <= seconds <= ttl for seconds in left)
        assert len({round(seconds, 2) for seconds in left}) > 20


async def test_an_entry_of_redis_is_not_fresh_for_ever(stores: Addresses) -> None:
    truth = Truth().open()
    async with replica_of(stores) as one, replica_of(stores) as later:
        await one.read(truth.load)
        later.watch.seconds += RULES.shared_ttl

        assert (await later.read(truth.load)).tier is Tier.POSTGRES


@pytest.mark.parametrize("raw", [b"", b"garbage", b"1\n2", b"\n\n", b"x\n1\nbody", b"9e99\nx\nbody"])
async def test_what_nobody_can_read_in_redis_is_a_miss(stores: Addresses, raw: bytes) -> None:
    truth = Truth().open()
    async with replica_of(stores) as one:
        await one.redis.set(KEY, raw, 100_000)

        assert (await one.read(truth.load)).tier is Tier.POSTGRES


async def test_without_redis_the_loader_answers(stores: Addresses) -> None:
    truth = Truth().open()
    async with replica_of(stores, redis_url=NOWHERE) as one:
        tiers = [(await one.read(truth.load)).tier for _ in range(2)]

    assert tiers == [Tier.POSTGRES, Tier.NEAR]


async def test_while_postgres_is_away_an_outdated_answer_says_so_until_it_is_too_old(stores: Addresses) -> None:
    truth = Truth().open()
    async with replica_of(stores, redis_url=NOWHERE) as one:
        await one.read(truth.load)
        truth.failure = DatabaseAway()
        one.watch.seconds += RULES.near_ttl
        outdated = [await one.read(truth.load) for _ in range(3)]
        one.watch.seconds += RULES.stale_if_error

        assert [found.tier for found in outdated] == [Tier.STALE] * 3
        # Postgres that is away is asked once a second.
        assert truth.loads == 2
        with pytest.raises(DatabaseAway):
            await one.read(truth.load)


async def test_what_is_older_than_heard_is_not_given_even_while_postgres_is_away(stores: Addresses) -> None:
    truth = Truth().open()
    async with replica_of(stores) as one:
        await one.read(truth.load)
        one.cache.raise_least(KEY, 2)
        truth.failure = DatabaseAway()

        with pytest.raises(DatabaseAway):
            await one.read(truth.load)


async def test_what_is_overtaken_while_postgres_fails_is_not_given_either(stores: Addresses) -> None:
    truth = Truth().open()
    async with replica_of(stores) as one:
        await one.read(truth.load)
        one.watch.seconds += RULES.shared_ttl
        slow = Truth(failure=DatabaseAway())
        reader = asyncio.ensure_future(one.read(slow.load))
        await until_loading(slow)
        one.cache.raise_least(KEY, 2)
        slow.open()

        with pytest.raises(DatabaseAway):
            await reader


async def test_while_the_poll_is_late_postgres_is_asked_each_time(stores: Addresses) -> None:
    truth = Truth().open()
    async with replica_of(stores) as one:
        await one.read(truth.load)
        one.pulse._last = float("-inf")
        tiers = [(await one.read(truth.load)).tier for _ in range(2)]
        truth.failure = DatabaseAway()
        outdated = await one.read(truth.load)
        one.pulse.beat()

        assert tiers == [Tier.POSTGRES] * 2
        assert outdated.tier is Tier.STALE
        assert (await one.read(truth.load)).tier is Tier.NEAR


async def test_versions_heard_of_are_forgotten_once_nothing_older_can_be_left(stores: Addresses) -> None:
    rules = CacheRules(shared_ttl=10.0, near_ttl=1.0, unknown_ttl=1.0, stale_if_error=10.0)
    async with replica_of(stores, rules=rules) as one:
        for number in range(10):
            one.cache.raise_least(f"signet:test:1:{number}", 1)
        one.watch.seconds += 40.1
        one.cache.raise_least(KEY, 1)

        assert list(one.cache._least) == [KEY]


async def _is_near(replica: Replica) -> bool:
    return replica.cache.find_near(KEY) is not None


async def _fresh_for(replica: Replica, key: str) -> float:
    raw = await replica.redis.get(key)
    assert raw is not None
    return float(raw.split(b"\n")[0]) - replica.watch.seconds
