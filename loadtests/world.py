"""What every simulated user knows: the plan, the time, the tokens, the tally."""

import os
import time
from collections import Counter
from typing import Any

import gevent
import psutil

from loadtests.plans import Plan
from loadtests.popularity import Popularity
from loadtests.purse import Purse
from loadtests.scenario import Crowd
from loadtests.tally import CPU, LATENESS, Tally

_BEAT_SECONDS = 0.02
NEVER = float("inf")


class World:
    """One generator process of possibly several: `index` tells it from the others."""

    def __init__(self, plan: Plan, secret_keys: list[str], index: int = 0) -> None:
        self.plan = plan
        self.index = index
        self.tally = Tally()
        self.seen: set[int] = set()
        self.popularity = Popularity(plan.dataset.people, plan.dataset.zipf)
        self.purse = Purse(plan.issuing, secret_keys, plan.began_ms)
        self._numbers: Counter[str] = Counter()
        self._spans = self._find_spans()

    @property
    def now(self) -> float:
        """Seconds since the first phase began; negative before."""
        return time.time() - self.plan.begins_at

    @property
    def is_over(self) -> bool:
        return self.now >= self.plan.seconds

    def crowd(self, kind: str) -> Crowd:
        return next(crowd for crowd in self.plan.crowds if crowd.kind == kind)

    def next_number(self, kind: str) -> int:
        """Give a user of a class a number that no other has, in this generator or another."""
        number = self._numbers[kind] * self.plan.workers + self.index
        self._numbers[kind] += 1
        return number

    def host(self, number: int) -> str:
        return self.plan.hosts[number % len(self.plan.hosts)]

    def next_turn(self, crowd: Crowd, rank: float, at: float) -> float:
        """Give the first instant from `at` on when a user may take a turn; `rank` is its place in the ramp, 0..1."""
        spans = [span for name, span in self._spans.items() if name in crowd.during]
        for index, (begin, end) in enumerate(spans):
            joined = begin + rank * (crowd.ramp if index == 0 else 0.0)
            if max(at, joined) < end:
                # Those who begin together would ask together ever after: each begins at its own part of the pause.
                return at if at > joined else joined + rank * crowd.every
        return NEVER

    def note(self, name: str, outcome: str, milliseconds: float) -> None:
        """Count a latency in the second in which it ended."""
        self.tally.add(int(self.now), name, outcome, milliseconds)

    def on_request(self, *, name: str, response_time: float, response: Any = None, **more: Any) -> None:
        """Hear of a request, as Locust's event tells it. What was due earlier has waited since then."""
        waited = more.get("context", {}).get("waited", 0.0)
        status = getattr(response, "status_code", None)
        outcome = "measured" if response is None else str(status or 0)
        if outcome == "503" and not (response.headers or {}).get("Retry-After"):
            outcome = "503 without Retry-After"
        self.note(name, outcome, response_time + waited)

    def drain(self) -> dict[str, Any]:
        seen, self.seen = self.seen, set()
        return {"tally": self.tally.drain(), "seen": sorted(seen)}

    def watch_itself(self) -> None:
        """Note for ever how late this process wakes up, and how much of its core it uses."""
        process, told_at, name = psutil.Process(), time.monotonic(), f"{os.uname().nodename}:{os.getpid()}"
        process.cpu_percent()
        while True:
            slept_at = time.perf_counter()
            gevent.sleep(_BEAT_SECONDS)
            late = time.perf_counter() - slept_at - _BEAT_SECONDS
            # Each beat that was slept through was late too: else a long stall would be one of many.
            for missed in range(int(late / _BEAT_SECONDS) + 1):
                self.note(LATENESS, name, 1000 * (late - missed * _BEAT_SECONDS))
            if time.monotonic() - told_at >= 1.0:
                told_at = time.monotonic()
                self.note(CPU, name, process.cpu_percent())

    def _find_spans(self) -> dict[str, tuple[float, float]]:
        spans, begin = {}, 0.0
        for phase in self.plan.phases:
            spans[phase.name] = begin, begin + phase.seconds
            begin += phase.seconds
        return spans
