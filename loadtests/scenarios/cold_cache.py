"""Reads of people hardly anybody asks for, herds that want the same one at once, Redis emptied in the middle."""

from loadtests.evidence import Evidence
from loadtests.expecting import Expected, Lives, expect
from loadtests.figures import counted, loads, most_loads, near_share, refused_share, shared_share
from loadtests.gates import at_least, at_most
from loadtests.scenario import Crowd, Dataset, Intervention, Phase, Scenario

PEOPLE, ZIPF = 5_000, 0.9
LIVES = Lives(near=30, shared=300)
READERS, READS_EVERY = 40, 0.4
HERDS, HERDS_EVERY, HERD_SIZE = 8, 2.0, 10
PHASES = (Phase("baseline", 14), Phase("flushed", 14))
# Chance moves shares and loads of some thousand reads by less.
MARGIN, LOADS_MARGIN = 0.04, 0.08


def expected(evidence: Evidence) -> Expected:
    """Play the declared reads through caches of the declared lives, Redis emptied on the way."""
    return expect(evidence, LIVES)


def herds(evidence: Evidence) -> float:
    """Count the people that herds have asked for: each of them is to be loaded once."""
    return evidence.count("herd") / HERD_SIZE


def expected_loads(evidence: Evidence) -> float:
    """Allow what the play needs, and never more than each process one for each key and one more for each write."""
    return min((1 + LOADS_MARGIN) * (expected(evidence).postgres + herds(evidence)), most_loads(evidence))


def expected_near_share(evidence: Evidence) -> float:
    """Of a herd nobody needs to be answered from memory: all but one may wait for the one that loads."""
    play = expected(evidence)
    return play.near / (play.near + play.shared + play.postgres + herds(evidence) * HERD_SIZE) - MARGIN


def expected_shared_share(evidence: Evidence) -> float:
    play = expected(evidence)
    return play.shared / (play.shared + play.postgres + herds(evidence) * HERD_SIZE) - MARGIN


GATES = (
    at_most(0.0, "refused reads", refused_share(["read", "herd"], ["200"])),
    at_most(expected_loads, "loads from Postgres", loads, why="as played, one for each herd, <= keys x processes"),
    at_least(expected_near_share, "near share", near_share, why="played from the dataset"),
    at_least(expected_shared_share, "shared share of the rest", shared_share, why="the same"),
    at_most(0.0, "pool timeouts", counted("signet_database_pool_timeouts_total")),
)

SCENARIO = Scenario(
    name="cold-cache",
    about="Reads of people hardly anybody asks for, herds of ten for the same person, Redis emptied in the middle.",
    dataset=Dataset(PEOPLE, ZIPF),
    phases=PHASES,
    crowds=(
        Crowd("Readers", READERS, READS_EVERY, ("baseline", "flushed")),
        Crowd("Herds", HERDS, HERDS_EVERY, ("baseline", "flushed"), options={"size": HERD_SIZE}),
    ),
    gates=GATES,
    settings=LIVES.settings,
    interventions=(Intervention("flushed", "flush redis"),),
)
