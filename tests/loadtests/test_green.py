"""Every scenario is green in its default size, and gets the same verdict from several generators as from one."""

from pathlib import Path

import pytest

from loadtests import scenarios
from tests.loadtests.runs import GREEN, RED, run

pytestmark = pytest.mark.prove
# A soak is as long as somebody wants to wait.
SHORT = [name for name in scenarios.NAMES if name != "soak"]
FROM_TWO = ("--workers", "2")


@pytest.mark.parametrize("scenario", SHORT)
def test_a_scenario_is_green_in_its_default_size(scenario: str, tmp_path: Path) -> None:
    ran = run(scenario, tmp_path)

    assert (ran.failed, ran.exit_code) == (set(), GREEN), ran.said


def test_an_outage_of_postgres_is_survived_like_one_of_redis(tmp_path: Path) -> None:
    ran = run("outage", tmp_path, "--take", "postgres")

    assert (ran.failed, ran.exit_code) == (set(), GREEN), ran.said


@pytest.mark.parametrize("scenario", ["warm-cache", "cold-cache"])
def test_two_generators_and_a_master_come_to_the_same_verdict(scenario: str, tmp_path: Path) -> None:
    sound = run(scenario, tmp_path, "--length", "0.5", *FROM_TWO)
    without_near_cache = run(scenario, tmp_path, "--length", "0.5", *FROM_TWO, SIGNET_NEAR_ENTRIES="0")

    assert (sound.failed, sound.exit_code) == (set(), GREEN), sound.said
    assert (without_near_cache.failed, without_near_cache.exit_code) == ({"near share"}, RED), without_near_cache.said
