"""What is counted plainly and folded in is what counters and histograms would have counted themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest

from service.telemetry.metric_kinds import Timings
from service.telemetry.metrics import HttpMetrics

LABELS = ("method", "handler")
KIND = ("GET", "/v1/users/me")
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
DURATIONS = st.sampled_from(BOUNDS) | st.floats(0, 20, allow_nan=False)


@given(st.lists(st.lists(DURATIONS, max_size=20), max_size=4))
def test_folded_requests_are_the_same_as_observed_ones(looks: list[list[float]]) -> None:
    folded, observed = CollectorRegistry(), CollectorRegistry()
    counting = HttpMetrics(folded)
    tally = counting.tally(*KIND, "200")
    # The library's own.
    requests = Counter("http_requests", "", (*LABELS, "status"), registry=observed).labels(*KIND, "200")
    duration = Histogram("http_request_duration_seconds", "", LABELS, buckets=BOUNDS, registry=observed).labels(*KIND)

    for seconds in looks:
        for each in seconds:
            tally.observe(each)
            requests.inc()
            duration.observe(each)
        counting.fold()

    told, expected = samples_of(folded), samples_of(observed)
    assert told == pytest.approx(expected)
    assert told.keys() == expected.keys()


def test_what_was_not_folded_is_told_all_the_same() -> None:
    registry = CollectorRegistry()
    timings = Timings("seconds", "", ("kind",), registry=registry)

    timings.labels("a").observe(0.3)
    timings.labels("b").observe(0.3, {"trace_id": "1"})
    timings.labels("b").observe(0.4)

    told = samples_of(registry)
    assert (told['seconds_count{kind="a"}'], told['seconds_count{kind="b"}']) == (1, 2)
    assert told['seconds_sum{kind="b"}'] == pytest.approx(0.7)


def samples_of(registry: CollectorRegistry) -> dict[str, float]:
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}
