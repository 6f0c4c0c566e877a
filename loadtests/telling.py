"""What Prometheus is told of a run: how it goes, and its verdict. Labels are names that scenarios use."""

import math
import threading
from collections.abc import Iterator
from typing import Any

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from loadtests.gates import Outcome, Verdict
from loadtests.scenario import Scenario
from loadtests.tally import CPU, LATENESS, SKIPPED, Tally, middle

# Those of http_request_duration_seconds, so that both sides of a request can be laid side by side.
BOUNDARIES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# Two of the intervals at which Prometheus usually asks.
_LINGER_SECONDS = 60.0


class Telling(Collector):
    """Adds up what generators say every second. It is read in another thread."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._lock = threading.Lock()
        self._tally = Tally()
        self._unexpected: dict[str, int] = {}
        self._users = 0
        self._phase = ""
        self._skipped = 0
        # Of what was told last: the busiest generator, and the one that woke up latest.
        self._cpu_percent = self._lateness_ms = 0.0
        self._verdict: Verdict | None = None
        self._has_reader = False
        self._was_read = threading.Event()

    def hear(self, told: dict[str, Any]) -> None:
        """Take in what a generator told: its tally since the last time, and how things stand."""
        with self._lock:
            self._users, self._unexpected = told["users"], told["unexpected"]
            self._phase = self._phase_at(told["second"])
            self._tally.merge([0, *rest] for _, *rest in told["tally"] if not rest[0].startswith("."))
            own = [cell for cell in told["tally"] if cell[1].startswith(".")]
            self._skipped += sum(count for cell in own if cell[1] == SKIPPED for _, count in cell[3])
            self._cpu_percent = _highest(own, CPU, self._cpu_percent)
            self._lateness_ms = _highest(own, LATENESS, self._lateness_ms)

    def judge(self, verdict: Verdict) -> None:
        with self._lock:
            self._verdict, self._users, self._phase = verdict, 0, ""
            self._has_reader = self._was_read.is_set()
            self._was_read.clear()

    def linger(self) -> None:
        """Wait until whoever has read before has read the verdict, too; not for ever."""
        if self._has_reader:
            self._was_read.wait(_LINGER_SECONDS)

    def collect(self) -> list[Metric]:
        """Say it as prometheus_client wants it."""
        with self._lock:
            self._was_read.set()
            return [*self._of_requests(), *self._of_the_run(), *self._of_generators()]

    def describe(self) -> list[Metric]:
        """Leave it to `collect`: names don't collide in a registry of one."""
        return []

    def _phase_at(self, second: float) -> str:
        spans = ((phase.name, *self._scenario.span(phase.name)) for phase in self._scenario.phases)
        return next((name for name, begin, end in spans if begin <= second < end), "")

    def _of_requests(self) -> Iterator[Metric]:
        asked = CounterMetricFamily(
            "signet_loadtest_requests", "What simulated users did, by the status of the answer; 0 is none.",
            labels=["name", "outcome"],
        )  # fmt: skip
        took = HistogramMetricFamily(
            "signet_loadtest_request_duration_seconds",
            "From the instant a request was due to its answer, to one percent.",
            labels=["name"],
        )
        unexpected = CounterMetricFamily(
            "signet_loadtest_unexpected", "Answers that the scenario does not expect there.", labels=["name"]
        )
        for name in self._tally.names():
            for outcome, count in self._tally.outcomes(name).items():
                asked.add_metric([name, outcome], count)
            took.add_metric([name], *_cumulative(self._tally, name))
            unexpected.add_metric([name], self._unexpected.get(name, 0))
        yield from (asked, took, unexpected)

    def _of_the_run(self) -> Iterator[Metric]:
        run = GaugeMetricFamily("signet_loadtest_info", "1, with the scenario.", labels=["scenario"])
        run.add_metric([self._scenario.name], 1)
        phases = GaugeMetricFamily("signet_loadtest_phase", "1 for the phase that runs.", labels=["phase"])
        for phase in self._scenario.phases:
            phases.add_metric([phase.name], phase.name == self._phase)
        verdicts = GaugeMetricFamily("signet_loadtest_verdict", "1 for what the run ended with.", labels=["verdict"])
        for outcome in Outcome:
            verdicts.add_metric([outcome.name.lower()], bool(self._verdict and self._verdict.outcome is outcome))
        gates = GaugeMetricFamily("signet_loadtest_gate_kept", "1 or 0, once the run was judged.", labels=["gate"])
        for judged in self._verdict.judged if self._verdict else ():
            gates.add_metric([judged.gate.name], judged.is_kept)
        yield from (run, phases, verdicts, gates)

    def _of_generators(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("signet_loadtest_users", "Simulated users of all generators.", self._users)
        yield GaugeMetricFamily(
            "signet_loadtest_generator_cpu_ratio", "How much of its core the busiest uses.", self._cpu_percent / 100
        )
        yield GaugeMetricFamily(
            "signet_loadtest_generator_lateness_seconds", "How late one woke up at worst.", self._lateness_ms / 1000
        )
        yield CounterMetricFamily(
            "signet_loadtest_turns_skipped", "Turns left out to keep up with the schedule.", self._skipped
        )


def _highest(own: list[Any], name: str, before: float) -> float:
    """Give the highest value told under a name; if nothing was, that of before."""
    return max((middle(index) for cell in own if cell[1] == name for index, _ in cell[3]), default=before)


def _cumulative(tally: Tally, name: str) -> tuple[list[tuple[str, float]], float]:
    """Fold a tally into the buckets of Prometheus; the sum of all values, in seconds, goes along."""
    counts: dict[float, int] = dict.fromkeys((*BOUNDARIES, math.inf), 0)
    total = 0.0
    for cell, histogram in tally.cells.items():
        for index, count in histogram.items() if cell[1] == name else ():
            seconds = middle(index) / 1000
            counts[next(boundary for boundary in counts if seconds <= boundary)] += count
            total += seconds * count
    buckets, below = [], 0
    for boundary, count in counts.items():
        below += count
        buckets.append(("+Inf" if boundary == math.inf else str(boundary), float(below)))
    return buckets, total
