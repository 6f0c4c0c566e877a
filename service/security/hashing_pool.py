"""Where password hashes run: a bounded pool of niced threads, served round-robin by client address."""

import asyncio
import atexit
import os
import sys
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from queue import SimpleQueue
from time import perf_counter
from typing import TypeVar

from service.errors import Overloaded
from service.telemetry.metrics import HashingMetrics

Result = TypeVar("Result")
_LOWEST_PRIORITY = 19


class HashingPool:
    """At most `threads` hashes at once and `queue` waiting, each for at most `wait`; past either Overloaded.

    Waiting callers are served one address after the other, so that a thousand log-ins from one address
    delay another address by one hash, not by a thousand; when the queue is full, the longest line is cut.
    """

    def __init__(self, threads: int, queue: int, wait: timedelta, metrics: HashingMetrics) -> None:
        self.threads = self._free = threads or os.cpu_count() or 1
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        names = [f"hash_{number}" for number in range(self.threads)]
        self._workers = [threading.Thread(target=self._hash_for_ever, name=name, daemon=True) for name in names]
        for worker in self._workers:
            worker.start()
        atexit.register(self._end)
        self._bound = queue
        self._wait_seconds = wait.total_seconds()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._depth = 0
        self._metrics = metrics

    async def run(self, address: str, work: Callable[[], Result]) -> Result:
        """Run `work` in a thread when it is this address' turn."""
        await self._take_turn(address)
        done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._work.put(lambda: self._hash(work, done))
        began = perf_counter()
        try:
            return await done
        finally:
            self._metrics.duration.observe(perf_counter() - began)

    def close(self) -> None:
        for _ in self._workers:
            self._work.put(None)

    def _end(self) -> None:
        """Wait for hashes under way: a thread that comes back from Rust to an interpreter that is gone aborts."""
        self.close()
        for worker in self._workers:
            worker.join()

    @property
    def depth(self) -> int:
        """How many callers wait for their turn."""
        return self._depth

    def _hash_for_ever(self) -> None:
        """Take work as it comes. An executor would make a future with a lock for each, which nobody waits for."""
        _be_nice()
        while (work := self._work.get()) is not None:
            work()
            # It holds a password, and the next one may be hours away.
            del work

    def _hash(self, work: Callable[[], Result], done: "asyncio.Future[Result]") -> None:
        outcome: Result | BaseException
        try:
            outcome = work()
        except BaseException as error:  # noqa: BLE001 - it is the caller's
            outcome = error
        with suppress(RuntimeError):
            # At the end of the process the loop is closed while a hash still runs.
            done.get_loop().call_soon_threadsafe(self._hand_over, done, outcome)
        # Of a failure the traceback leads here, and from here to the failure.
        del outcome

    def _hand_over(self, done: "asyncio.Future[Result]", outcome: Result | BaseException) -> None:
        # A cancelled caller leaves its hash running: the slot is free when the thread is, not before.
        self._call_next()
        if done.cancelled():
            return
        if isinstance(outcome, BaseException):
            done.set_exception(outcome)
        else:
            done.set_result(outcome)

    async def _take_turn(self, address: str) -> None:
        if self._free > 0:
            self._free -= 1
            return
        if self._depth >= self._bound:
            self._metrics.rejected.labels("full").inc()
            if not self._make_room(address):
                raise Overloaded
        turn, began = self._enqueue(address), perf_counter()
        deadline = turn.get_loop().call_later(self._wait_seconds, self._refuse_late, address, turn)
        try:
            await turn
        except asyncio.CancelledError:
            self._leave(address, turn)
            raise
        finally:
            deadline.cancel()
            self._metrics.wait.observe(perf_counter() - began)

    def _refuse_late(self, address: str, turn: asyncio.Future[None]) -> None:
        if not turn.done():
            self._leave(address, turn)
            self._metrics.rejected.labels("late").inc()
            turn.set_exception(Overloaded())

    def _enqueue(self, address: str) -> asyncio.Future[None]:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(address, deque()).append(turn)
        self._depth += 1
        return turn

    def _make_room(self, address: str) -> bool:
        """Refuse the last of the longest line instead of an address with a shorter one: no crowd closes the door."""
        longest = max(self._waiting, key=lambda other: len(self._waiting[other]))
        line = self._waiting[longest]
        if len(line) <= len(self._waiting.get(address, ())) + 1:
            return False
        turn = line.pop()
        self._depth -= 1
        if not turn.done():
            turn.set_exception(Overloaded())
        return True

    def _leave(self, address: str, turn: asyncio.Future[None]) -> None:
        line = self._waiting.get(address)
        if line is not None and turn in line:
            line.remove(turn)
            self._depth -= 1
            if not line:
                del self._waiting[address]
        elif turn.done() and not turn.cancelled() and turn.exception() is None:
            # The turn came in the same moment as the caller gave up: hand it on.
            self._call_next()

    def _call_next(self) -> None:
        while self._waiting:
            address, line = self._waiting.popitem(last=False)
            turn = line.popleft()
            self._depth -= 1
            if line:
                self._waiting[address] = line
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


def _be_nice() -> None:
    """Give way to the event loop. On Linux a thread has a priority of its own; elsewhere it has not."""
    if sys.platform == "linux":
        # Where that is forbidden, better a thread that is not nice than none.
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LOWEST_PRIORITY)
