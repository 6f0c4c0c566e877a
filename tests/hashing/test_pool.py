"""The hashing pool: a bounded queue, fair turns by address, and no slot lost whoever gives up when."""

import asyncio
import subprocess
import sys
import threading
import weakref
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import settings as rules
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from service.errors import Overloaded
from service.security.hashing_pool import HashingPool
from service.telemetry.metrics import HashingMetrics
from tests.kit.programs import ROOT
from tests.kit.waiting import eventually

LONG = timedelta(seconds=30)


class Work:
    """Hashes that take exactly as long as the test wants, and the order they ran in."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self._may_go = threading.Semaphore(0)

    def run(self, name: str) -> str:
        self.order.append(name)
        assert self._may_go.acquire(timeout=30)
        return name

    def finish(self, count: int = 1) -> None:
        self._may_go.release(count)


@asynccontextmanager
async def pool_of(threads: int, queue: int, wait: timedelta = LONG) -> AsyncIterator[HashingPool]:
    pool = HashingPool(threads, queue, wait, HashingMetrics(CollectorRegistry()))
    try:
        yield pool
    finally:
        pool.close()


async def until_depth(pool: HashingPool, depth: int) -> None:
    async def has_depth() -> bool:
        return pool.depth == depth

    await eventually(has_depth, within=5.0)


async def until_order(work: Work, count: int) -> None:
    async def has_run() -> bool:
        return len(work.order) >= count

    await eventually(has_run, within=5.0)


def rejected(pool: HashingPool) -> dict[str, float]:
    samples = next(iter(pool._metrics.rejected.collect())).samples
    counted = {sample.labels["reason"]: sample.value for sample in samples if sample.name.endswith("_total")}
    return {reason: count for reason, count in counted.items() if count}


def ask(pool: HashingPool, work: Work, address: str, name: str = "") -> asyncio.Future[str]:
    return asyncio.ensure_future(pool.run(address, lambda: work.run(name or address)))


async def test_past_the_queue_whoever_asks_is_refused_at_once() -> None:
    work = Work()
    async with pool_of(1, 2) as pool:
        served = [ask(pool, work, address) for address in ("a", "a", "b")]
        await until_depth(pool, 2)

        with pytest.raises(Overloaded):
            await pool.run("c", lambda: work.run("c"))
        work.finish(3)

        assert await asyncio.gather(*served) == ["a", "a", "b"]
        assert rejected(pool) == {"full": 1}


async def test_a_crowd_that_fills_the_queue_does_not_keep_another_address_out() -> None:
    work = Work()
    async with pool_of(1, 4) as pool:
        crowd = [ask(pool, work, "crowd") for _ in range(5)]
        await until_depth(pool, 4)
        others = [ask(pool, work, address) for address in ("ada", "eve")]
        with pytest.raises(Overloaded):
            await crowd[-1]
        with pytest.raises(Overloaded):
            await pool.run("crowd", lambda: work.run("crowd"))
        depth = pool.depth
        work.finish(5)

        assert await asyncio.gather(*others) == ["ada", "eve"]
        outcomes = await asyncio.gather(*crowd, return_exceptions=True)
        assert [outcome for outcome in outcomes if not isinstance(outcome, Overloaded)] == ["crowd"] * 3
        assert (depth, pool.depth, pool._free) == (4, 0, 1)
        assert rejected(pool) == {"full": 3}


async def test_whoever_waits_too_long_is_refused_and_leaves_the_queue() -> None:
    work = Work()
    async with pool_of(1, 2, timedelta(milliseconds=20)) as pool:
        first, late = ask(pool, work, "a"), ask(pool, work, "a")

        with pytest.raises(Overloaded):
            await late
        assert pool.depth == 0
        work.finish(2)
        assert await first == "a"
        assert await pool.run("b", lambda: work.run("b")) == "b"
        assert rejected(pool) == {"late": 1}


async def test_fifty_waiting_from_one_address_delay_another_by_one_turn() -> None:
    work = Work()
    async with pool_of(1, 100) as pool:
        crowd = [ask(pool, work, "crowd") for _ in range(51)]
        await until_depth(pool, 50)
        others = [ask(pool, work, address) for address in ("ada", "eve")]
        await until_depth(pool, 52)
        work.finish(53)
        await asyncio.gather(*crowd, *others)

    assert work.order[:4] == ["crowd", "crowd", "ada", "eve"]


@rules(max_examples=40, deadline=None)
@given(lines=st.dictionaries(st.sampled_from("abcde"), st.integers(1, 8), min_size=1))
def test_between_two_turns_of_an_address_nobody_has_two(lines: dict[str, int]) -> None:
    async def play() -> list[str]:
        work = Work()
        async with pool_of(1, 100) as pool:
            first = ask(pool, work, "first")
            await until_order(work, 1)
            asked = [ask(pool, work, address) for address, count in lines.items() for _ in range(count)]
            await until_depth(pool, len(asked))
            work.finish(len(asked) + 1)
            await asyncio.gather(first, *asked)
        return work.order[1:]

    order = asyncio.run(play())

    left = dict(lines)
    served: Counter[str] = Counter()
    for address in order:
        # Whoever still waits has had as many turns as anybody, or one less.
        assert all(served[other] >= served[address] for other, count in left.items() if count)
        served[address] += 1
        left[address] -= 1
    assert served == Counter(lines)


async def test_a_caller_who_gives_up_leaves_the_queue() -> None:
    work = Work()
    async with pool_of(1, 1) as pool:
        first, waiting = ask(pool, work, "a"), ask(pool, work, "b")
        await until_depth(pool, 1)
        waiting.cancel()
        await until_depth(pool, 0)
        next_one = ask(pool, work, "c")
        work.finish(2)

        assert [*await asyncio.gather(first, next_one)] == ["a", "c"]
    assert work.order == ["a", "c"]


async def test_a_caller_who_gives_up_while_hashing_keeps_the_slot_until_the_hash_is_done() -> None:
    work = Work()
    async with pool_of(1, 5) as pool:
        first = ask(pool, work, "a")
        await until_order(work, 1)
        first.cancel()
        second = ask(pool, work, "b")
        await until_depth(pool, 1)
        work.finish()
        await until_order(work, 2)
        work.finish()

        assert await second == "b"


class Panic(BaseException):
    """What a library written in Rust raises when it is at its wits' end."""


@pytest.mark.parametrize("kind", [ValueError, Panic])
async def test_a_hash_that_fails_gives_its_slot_back(kind: type[BaseException]) -> None:
    def fail() -> None:
        raise kind("no such hash")

    async with pool_of(1, 1) as pool:
        for _ in range(3):
            with pytest.raises(kind, match="no such hash"):
                await pool.run("a", fail)
        assert pool._free == 1


async def test_a_thread_forgets_whose_password_it_had() -> None:
    class Secret:
        """What a caller gives, and nobody keeps."""

    async def give(pool: HashingPool) -> weakref.ref[Secret]:
        secret = Secret()
        await pool.run("a", lambda: str(secret))
        return weakref.ref(secret)

    async with pool_of(1, 1) as pool:
        given = await give(pool)
        threads = [thread for thread in threading.enumerate() if thread in pool._workers]

        async def is_forgotten() -> bool:
            return given() is None

        assert len(threads) == 1
        await eventually(is_forgotten, within=5.0)


HASHING_AT_THE_END = """
import asyncio
import time
from datetime import timedelta
from prometheus_client import CollectorRegistry
import service.app
from service.security.hashing_pool import HashingPool
from service.security.password_schemes import imitation, is_match
from service.telemetry.metrics import HashingMetrics

async def leave():
    pool = HashingPool(1, 1, timedelta(seconds=1), HashingMetrics(CollectorRegistry()))
    asyncio.ensure_future(pool.run("a", lambda: is_match(imitation("bcrypt$12"), "a password")))
    await asyncio.sleep(0.1)

class Lingering:
    def __del__(self, sleep=time.sleep):
        sleep(1)

lingering = Lingering()
asyncio.run(leave())
"""


def test_a_process_that_ends_while_it_hashes_ends_well() -> None:
    program = [sys.executable, "-c", HASHING_AT_THE_END]

    ended = subprocess.run(program, cwd=ROOT, capture_output=True, timeout=30, check=False)

    assert ended.returncode == 0, ended.stderr.decode()


def test_a_hash_that_outlives_its_loop_leaves_its_thread_at_work() -> None:
    work, pool = Work(), HashingPool(1, 1, LONG, HashingMetrics(CollectorRegistry()))

    async def leave() -> None:
        ask(pool, work, "left behind")
        await until_order(work, 1)

    async def come() -> str:
        pool._free = 1
        return await ask(pool, work, "next")

    asyncio.run(leave())
    work.finish(2)
    assert asyncio.run(come()) == "next"
    pool.close()


async def test_depth_and_waits_are_shown() -> None:
    work = Work()
    async with pool_of(1, 9) as pool:
        asked = [ask(pool, work, "a") for _ in range(4)]
        await until_depth(pool, 3)
        work.finish(4)
        await asyncio.gather(*asked)

        assert pool.depth == 0
        waits = {sample.name: sample.value for sample in next(iter(pool._metrics.wait.collect())).samples}
        assert waits["signet_hash_wait_seconds_count"] >= 3


steps = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), st.sampled_from("abc")),
        st.tuples(st.just("ask"), st.sampled_from("abc")),
        st.tuples(st.sampled_from(["finish", "give up", "turn the loop"]), st.integers(0, 20)),
    ),
    max_size=40,
)


@rules(max_examples=60, deadline=None)
@given(threads=st.integers(1, 3), queue=st.integers(1, 4), is_hasty=st.booleans(), script=steps)
def test_no_slot_is_ever_lost_or_made(
    *, threads: int, queue: int, is_hasty: bool, script: list[tuple[str, str | int]]
) -> None:
    async def play() -> None:
        work, asked = Work(), defaultdict[int, asyncio.Future[str]]()
        async with pool_of(threads, queue, timedelta(milliseconds=1) if is_hasty else LONG) as pool:
            for number, (action, which) in enumerate(script):
                if action == "ask":
                    asked[number] = ask(pool, work, str(which))
                elif action == "finish":
                    work.finish()
                elif action == "give up" and asked:
                    list(asked.values())[int(which) % len(asked)].cancel()
                else:
                    await asyncio.sleep(0)
                assert 0 <= pool.depth <= queue
                assert 0 <= pool._free <= threads
            work.finish(len(script) + 1)
            outcomes = await asyncio.gather(*asked.values(), return_exceptions=True)
            allowed = (str, Overloaded, asyncio.CancelledError)
            assert all(isinstance(outcome, allowed) for outcome in outcomes), outcomes

            async def is_idle() -> bool:
                return pool._free == threads and pool.depth == 0 and not pool._waiting

            await eventually(is_idle, within=5.0)

    asyncio.run(play())
