"""Writers, readers and a Redis that comes and goes, in every order: nobody is served what they must know is old."""

import asyncio
import contextlib
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import settings as rules
from hypothesis import strategies as st

from service.storage.cache import Found
from tests.caching.play import KEY, Replica, Truth, replica_of
from tests.kit.environment import Addresses
from tests.kit.parts import commands_of
from tests.kit.waiting import eventually

WRITER, OTHER = 0, 1
steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["ask", "read"]), st.sampled_from([WRITER, OTHER])),
        st.tuples(st.sampled_from(["write", "hear", "answer", "keep bytes", "put bytes back", "flush"]), st.just(0)),
    ),
    max_size=25,
)


@dataclass
class Play:
    """Two replicas, one truth, and what each replica has heard."""

    replicas: tuple[Replica, Replica]
    truth: int = 1
    heard: list[int] = field(default_factory=lambda: [0, 0])
    bytes_kept: bytes | None = None
    waiting: list[tuple[int, Truth, asyncio.Future[Found]]] = field(default_factory=list)

    async def step(self, action: str, who: int) -> None:
        if action == "ask":
            await self._ask(who)
        elif action == "read":
            await self._read(who)
        elif action == "answer":
            await self._answer_all()
        elif action == "write":
            self.truth += 1
            self._hear(WRITER)
        elif action == "hear":
            self._hear(OTHER)
        else:
            await self._handle_redis(action)

    async def finish(self) -> None:
        await self._answer_all()
        for who in (WRITER, OTHER):
            self._hear(who)
            await self._read(who)

    def _hear(self, who: int) -> None:
        self.heard[who] = self.truth
        self.replicas[who].cache.raise_least(KEY, self.truth)

    async def _ask(self, who: int) -> None:
        """Begin a read that has seen Postgres, if it comes that far, and waits for its answer."""
        slow = Truth(current=lambda: self.truth)
        reader = asyncio.ensure_future(self.replicas[who].read(slow.load))

        async def is_on_its_way() -> bool:
            return slow.loads > 0 or reader.done() or self._is_coalesced(who)

        await eventually(is_on_its_way, within=5.0)
        self.waiting.append((self.heard[who], slow, reader))

    def _is_coalesced(self, who: int) -> bool:
        return any(not reader.done() for _, _, reader in self.waiting) and KEY in self.replicas[who].cache._fetches

    async def _read(self, who: int) -> None:
        """Read to the end, with a Postgres that answers; whoever hangs in a load of others gets it answered."""
        reader = asyncio.ensure_future(self.replicas[who].read(Truth(current=lambda: self.truth).open().load))
        least = self.heard[who]
        await asyncio.wait([reader], timeout=0.02)
        if not reader.done():
            await self._answer_all()
        assert (await reader).entry.version >= least

    async def _answer_all(self) -> None:
        for _, slow, _ in self.waiting:
            slow.open()
        for least, _, reader in self.waiting:
            assert (await reader).entry.version >= least
        self.waiting.clear()

    async def _handle_redis(self, action: str) -> None:
        redis = self.replicas[WRITER].redis
        if action == "keep bytes":
            self.bytes_kept = await redis.get(KEY) or self.bytes_kept
        elif action == "put bytes back" and self.bytes_kept is not None:
            await redis.set(KEY, self.bytes_kept, 100_000)
        elif action == "flush":
            await commands_of(redis).delete(KEY)


@rules(max_examples=60, deadline=None)
@given(script=steps)
def test_nobody_who_heard_of_a_write_is_served_what_was_before_it(
    stores: Addresses, script: list[tuple[str, int]]
) -> None:
    async def play() -> None:
        # Without a near cache half of the replicas' reads go to Redis, where old bytes come back.
        async with replica_of(stores) as writer, replica_of(stores, entries=0) as other:
            await commands_of(writer.redis).delete(KEY)
            played = Play((writer, other))
            try:
                for action, who in script:
                    await played.step(action, who)
                await played.finish()
            finally:
                for _, _, reader in played.waiting:
                    reader.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await reader

    asyncio.run(play())
