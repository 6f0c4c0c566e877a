"""What the tests of gates stand on: real scrapes of a real replica, before and after real requests."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from loadtests.evidence import Evidence, Moment
from loadtests.exposition import Reading
from loadtests.gates import Gate
from loadtests.scenario import Crowd, Dataset, Phase, Scenario
from loadtests.tally import Tally
from tests.kit.fresh import bare_stores
from tests.kit.services import Service

__all__ = ["MakeEvidence", "Scraping", "bare_stores", "evidence", "scrape"]

MakeEvidence = Callable[..., Evidence]
Scraping = Callable[[], Awaitable[Reading]]


@pytest.fixture
def scrape(service: Service) -> Scraping:
    async def take() -> Reading:
        return Reading.of(await service.metrics())

    return take


@pytest.fixture
def evidence() -> MakeEvidence:
    """Make what a run leaves behind: of one second of warm-up and ten of load, a healthy generator included."""

    def make(*gates: Gate, readings: tuple[Reading | None, Reading | None] | None = None, **more: Any) -> Evidence:
        phases = (Phase("warm-up", 1), Phase("load", 10))
        crowds = (Crowd("Readers", 1, 1.0, ("load",)), Crowd("Listers", 1, 1.0, ("load",), may_fall_behind=True))
        scenario = Scenario("made up", "", Dataset(10), phases, crowds, gates)
        moments = [Moment(0, [readings[0]]), Moment(11, [readings[1]])] if readings else []
        tally = Tally()
        for second in range(12):
            tally.add(second, ".cpu", "here", 30.0)
            tally.add(second, ".lateness", "here", 1.0)
        return Evidence(scenario, tally, set(), moments, **more)

    return make
