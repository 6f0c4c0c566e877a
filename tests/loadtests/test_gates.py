"""Gates: what they make of real scrapes, of figures that are missing, and of a generator that could not keep up."""

import pytest

from loadtests import scenarios
from loadtests.evidence import Evidence, Moment
from loadtests.exposition import Reading
from loadtests.figures import counted, near_share, p
from loadtests.gates import KEEPING_UP, Outcome, at_least, at_most, judge
from loadtests.tally import Tally
from tests.kit.people import Person
from tests.loadtests.conftest import MakeEvidence, Scraping


async def test_a_share_is_read_from_what_was_counted_between_two_scrapes(
    ada: Person, scrape: Scraping, evidence: MakeEvidence
) -> None:
    session = await ada.sign_in()
    before = await scrape()
    for _ in range(10):
        await ada.service.get("/v1/users/me", token=session.access_token)
    after = await scrape()
    gates = at_least(0.5, "near share", near_share), at_least(1.01, "more than all", near_share)

    verdict = judge(evidence(*gates, readings=(before, after)))

    assert [judged.is_kept for judged in verdict.judged[:2]] == [True, False]
    assert verdict.outcome is Outcome.RED


async def test_a_metric_that_no_replica_tells_fails_its_gate(scrape: Scraping, evidence: MakeEvidence) -> None:
    reading = await scrape()
    known = at_most(0, "known", counted("signet_cache_coalesced_total"))
    unknown = at_most(0, "unknown", counted("signet_no_such"))

    first, second, _ = judge(evidence(known, unknown, readings=(reading, reading))).judged

    assert first.is_kept
    assert not second.is_kept
    assert "can't be read" in str(second)


async def test_a_replica_that_could_not_be_scraped_fails_the_gate(scrape: Scraping, evidence: MakeEvidence) -> None:
    gate = at_most(0, "coalesced", counted("signet_cache_coalesced_total"))

    assert judge(evidence(gate, readings=(await scrape(), None))).outcome is Outcome.RED


async def test_a_replica_that_was_restarted_fails_the_gate(scrape: Scraping, evidence: MakeEvidence) -> None:
    before = await scrape()
    started = ("process_start_time_seconds", frozenset[tuple[str, str]]())
    after = Reading({**before.samples, started: before.samples[started] + 1}, before.families)

    verdict = judge(evidence(at_most(0, "c", counted("signet_cache_coalesced_total")), readings=(before, after)))

    assert "restarted" in str(verdict.judged[0])


def test_a_latency_nobody_measured_fails_its_gate(evidence: MakeEvidence) -> None:
    assert judge(evidence(at_most(9, "p99", p(0.99, "read", "load")))).outcome is Outcome.RED


def test_percentiles_are_exact_to_a_hundredth_and_leave_the_warm_up_out(evidence: MakeEvidence) -> None:
    run = evidence()
    run.tally.add(0, "read", "200", 5_000)
    for milliseconds in range(1, 101):
        run.tally.add(5, "read", "200", milliseconds)

    assert run.percentile(0.5, "read") == pytest.approx(50, rel=0.02)
    assert run.percentile(0.99, "read") == pytest.approx(99, rel=0.02)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [(".cpu", 95.0, "of its core"), (".lateness", 400.0, "behind its schedule")],
)
def test_a_run_is_void_whose_generator_could_not_keep_up(
    evidence: MakeEvidence, name: str, value: float, words: str
) -> None:
    run = evidence(at_most(0, "fails too", lambda _: 1.0))
    assert judge(run).outcome is Outcome.RED
    for second in range(1, 11):
        for _ in range(3):
            run.tally.add(second, name, "here", value)

    verdict = judge(run)

    assert verdict.outcome is Outcome.VOID
    assert words in verdict.void[0]


def test_one_generator_that_is_late_is_not_hidden_by_others_that_are_not(evidence: MakeEvidence) -> None:
    run = evidence()
    for second in range(1, 11):
        run.tally.add(second, ".cpu", "another", 30.0)
        run.tally.add(second, ".lateness", "another", 300.0)
        for _ in range(100):
            run.tally.add(second, ".lateness", "here", 1.0)

    assert "another fell behind" in judge(run).void[0]


@pytest.mark.parametrize(("crowd", "outcome"), [("Readers", Outcome.RED), ("Listers", Outcome.GREEN)])
def test_turns_left_out_for_answers_that_took_too_long_are_held_against_the_service(
    evidence: MakeEvidence, crowd: str, outcome: Outcome
) -> None:
    run = evidence()
    for _ in range(5):
        run.tally.add(6, ".skipped", crowd, 1.0)

    verdict = judge(run)

    assert verdict.outcome is outcome
    assert {judged.gate.name for judged in verdict.failed} == ({"turns left out"} if outcome is Outcome.RED else set())


@pytest.mark.parametrize("taken", ["redis", "postgres"])
@pytest.mark.parametrize("name", scenarios.NAMES)
def test_no_gate_of_any_scenario_is_kept_that_could_not_be_read(name: str, taken: str) -> None:
    scenario = scenarios.find(name)
    unseen = [Moment(second, [None, None]) for second in (0, scenario.seconds)]
    facts = {"taken": taken, "begins_at": 0.0, "verify_seconds": 0.02}
    run = Evidence(scenario, Tally(), set(), unseen, facts=facts)

    assert [judged.gate.name for judged in judge(run).judged if judged.is_kept] == [KEEPING_UP.name]


def test_a_run_is_void_that_lost_a_generator_on_the_way(evidence: MakeEvidence) -> None:
    run = evidence()
    assert judge(run).outcome is Outcome.GREEN
    run.tally.add(5, ".cpu", "another", 30.0)
    run.tally.add(5, ".lateness", "another", 1.0)

    assert judge(run).void == ("the generator another was not heard of after second 5",)


def test_tallies_of_several_generators_add_up(evidence: MakeEvidence) -> None:
    one, other = evidence().tally, evidence().tally
    one.add(3, "read", "200", 1.0)
    other.add(3, "read", "200", 4.0)

    one.merge(other.drain())

    assert one.outcomes("read") == {"200": 2}
    assert other.cells == {}
