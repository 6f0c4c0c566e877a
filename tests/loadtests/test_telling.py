"""What Prometheus reads of a load test: figures that add up, and the verdict before the run is gone."""

import threading
from collections.abc import Iterator
from time import monotonic

import httpx
import pytest

from loadtests.exposition import Reading
from loadtests.gates import Verdict, at_most
from loadtests.listening import listening
from loadtests.scenario import Dataset, Phase, Scenario
from loadtests.tally import Tally
from loadtests.telling import Telling
from local.refusals import CannotStart
from tests.kit.services import free_ports
from tests.kit.waiting import until

GATE = at_most(1.0, "p99 of reads", lambda _: 2.0)
SCENARIO = Scenario("made up", "", Dataset(10), (Phase("warm-up", 1), Phase("load", 10)), (), (GATE,))
LATENCY = "signet_loadtest_request_duration_seconds"


@pytest.fixture
def port() -> int:
    (found,) = free_ports(1)
    return found


@pytest.fixture
def telling(port: int) -> Iterator[Telling]:
    """A run that tells."""
    found = Telling(SCENARIO)
    with listening(found, port):
        yield found


def read(port: int) -> Reading:
    return Reading.of(httpx.get(f"http://127.0.0.1:{port}/metrics").text)


def told(second: float, *requests: tuple[str, str, float], unexpected: int = 0) -> dict[str, object]:
    """Return what a generator says once a second."""
    tally = Tally()
    for name, outcome, milliseconds in requests:
        tally.add(int(second), name, outcome, milliseconds)
    return {"second": second, "users": 7, "unexpected": {"read": unexpected}, "tally": tally.drain()}


def test_what_is_told_adds_up(telling: Telling, port: int) -> None:
    telling.hear(told(0.5, ("read", "200", 3.0), ("read", "200", 30.0), (".cpu", "here:1", 25.0)))
    telling.hear(told(1.5, ("read", "503", 300.0), ("edit", "200", 30.0), (".skipped", "Readers", 1.0), unexpected=1))

    reading = read(port)

    assert reading.by("signet_loadtest_requests_total", "outcome") == {"200": 3, "503": 1}
    assert reading.sum("signet_loadtest_requests_total", name="read") == 3
    buckets = {le: reading.sum(f"{LATENCY}_bucket", name="read", le=le) for le in ("0.0025", "0.005", "0.1", "+Inf")}
    assert buckets == {"0.0025": 0, "0.005": 1, "0.1": 2, "+Inf": 3}
    assert reading.sum(f"{LATENCY}_sum", name="read") == pytest.approx(0.333, rel=0.02)
    assert reading.sum("signet_loadtest_unexpected_total", name="read") == 1
    assert reading.sum("signet_loadtest_users") == 7
    assert reading.sum("signet_loadtest_turns_skipped_total") == 1
    # Nothing was said of it the second time: it is what it was.
    assert reading.sum("signet_loadtest_generator_cpu_ratio") == pytest.approx(0.25, rel=0.02)
    assert reading.by("signet_loadtest_phase", "phase") == {"warm-up": 0, "load": 1}


def test_no_label_names_a_machine_or_a_process(telling: Telling, port: int) -> None:
    telling.hear(told(0.5, ("read", "200", 3.0), (".cpu", "some-host:1", 25.0), (".lateness", "measured", 1.0)))

    assert "some-host" not in httpx.get(f"http://127.0.0.1:{port}/metrics").text


def test_who_has_read_before_reads_the_verdict_before_the_run_ends(telling: Telling, port: int) -> None:
    read(port)
    telling.judge(Verdict((GATE.judge(None),), ()))  # type: ignore[arg-type]
    end = threading.Thread(target=telling.linger)
    end.start()
    assert end.is_alive()

    reading = read(port)

    until(lambda: not end.is_alive(), monotonic() + 5)
    assert reading.by("signet_loadtest_verdict", "verdict") == {"green": 0, "red": 1, "void": 0}
    assert reading.by("signet_loadtest_gate_kept", "gate") == {"p99 of reads": 0}


def test_when_nobody_reads_nothing_waits(telling: Telling) -> None:
    telling.judge(Verdict((), ()))
    began = monotonic()

    telling.linger()

    assert monotonic() - began < 1


def test_a_port_that_is_taken_is_said_before_the_run(telling: Telling, port: int) -> None:
    with pytest.raises(CannotStart, match=f"port {port}"), listening(telling, port):
        pass
