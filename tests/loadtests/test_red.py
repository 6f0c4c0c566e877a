"""Every gate was seen red: what it watches is turned off, and this gate and no other fails."""

from pathlib import Path

import pytest

from tests.loadtests.runs import RED, run

pytestmark = pytest.mark.prove
BUILDS = "tests.loadtests.builds"


def test_without_a_near_cache_its_share_is_missing(tmp_path: Path) -> None:
    ran = run("warm-cache", tmp_path, "--length", "0.4", SIGNET_NEAR_ENTRIES="0")

    assert (ran.failed, ran.exit_code) == ({"near share"}, RED), ran.said


def test_with_a_shared_life_of_nothing_the_shared_share_is_missing(tmp_path: Path) -> None:
    ran = run("warm-cache", tmp_path, "--length", "0.4", SIGNET_CACHE_TTL="0")

    assert (ran.failed, ran.exit_code) == ({"shared share of the rest"}, RED), ran.said


def test_without_coalescing_a_herd_loads_ten_times(tmp_path: Path) -> None:
    ran = run("cold-cache", tmp_path, "--length", "0.5", "--module", f"{BUILDS}.without_coalescing")

    assert (ran.failed, ran.exit_code) == ({"loads, as played"}, RED), ran.said


def test_a_pool_of_one_answers_half_as_much(tmp_path: Path) -> None:
    ran = run("pool-pressure", tmp_path, SIGNET_DATABASE_POOL="1")

    # Twice as many are refused, which readers of the same process may come to notice: nobody else does.
    assert ran.failed - {"p99 of cached reads beside baseline"} == {"uncached answers a second"}, ran.said
    assert ran.exit_code == RED


def test_without_polling_the_last_poll_grows_old(tmp_path: Path) -> None:
    ran = run("revocation", tmp_path, "--length", "0.5", "--module", f"{BUILDS}.without_polling")

    assert (ran.failed, ran.exit_code) == ({"age of the last poll"}, RED), ran.said


def test_hashing_on_the_event_loop_makes_readers_wait(tmp_path: Path) -> None:
    ran = run("login-storm", tmp_path, "--length", "0.6", "--module", f"{BUILDS}.hashing_on_the_loop")

    assert (ran.failed, ran.exit_code) == ({"p99 of reads beside baseline"}, RED), ran.said


def test_without_turns_one_address_takes_the_hashes_of_others(tmp_path: Path) -> None:
    ran = run("login-storm", tmp_path, "--length", "0.6", "--module", f"{BUILDS}.without_turns")

    assert (ran.failed, ran.exit_code) == ({"hashes of one address"}, RED), ran.said


def test_without_limits_all_guesses_are_let_through(tmp_path: Path) -> None:
    off = {"SIGNET_LIMITS": "off", "SIGNET_LIMITS_OFF_IS_INTENDED": "true"}
    ran = run("mixed", tmp_path, "--length", "0.5", **off)

    assert (ran.failed, ran.exit_code) == ({"guesses let through"}, RED), ran.said
