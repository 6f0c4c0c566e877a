"""What is counted plainly and folded in is what counters and histograms would have counted themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from service.telemetry.metrics import HttpMetrics

KIND = ("GET", "/v1/users/me")
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
DURATIONS = st.sampled_from(BOUNDS) | st.floats(0, 20, allow_nan=False)


@given(st.lists(st.lists(DURATIONS, max_size=20), max_size=4))
def test_folded_requests_are_the_same_as_observed_ones(looks: list[list[float]]) -> None:
    folded, observed = CollectorRegistry(), CollectorRegistry()
    counting, plain = HttpMetrics(folded), HttpMetrics(observed)
    tally = counting.tally(*KIND, "200")
    requests, duration = plain.requests.labels(*KIND, "200"), plain.duration.labels(*KIND)

    for seconds in looks:
        for each in seconds:
            tally.observe(each)
            requests.inc()
            duration.observe(each)
        counting.fold()

    told, expected = samples_of(folded), samples_of(observed)
    assert told == pytest.approx(expected)
    assert told.keys() == expected.keys()


def samples_of(registry: CollectorRegistry) -> dict[str, float]:
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}
