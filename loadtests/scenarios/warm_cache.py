"""Reads over a hot set: what was asked for a moment ago is answered from memory, and hardly anything from Postgres."""

from loadtests.evidence import Evidence
from loadtests.expecting import Expected, Lives, expect
from loadtests.figures import counted, loads, most_loads, near_share, p, ratio, refused_share, shared_share
from loadtests.gates import at_least, at_most
from loadtests.scenario import Crowd, Dataset, Phase, Scenario

PEOPLE, ZIPF = 1_000, 1.1
LIVES = Lives(near=30, shared=300)
READERS, READS_EVERY = 50, 0.25
# One edit for a hundred reads.
WRITE_SHARE, EDITORS = 0.01, 2
EDITS_EVERY = EDITORS / (WRITE_SHARE * READERS / READS_EVERY)
PHASES = (Phase("warm-up", 10), Phase("baseline", 8), Phase("load", 16))
# Chance alone moves a share of some thousand reads by less than this.
MARGIN = 0.03


def expected(evidence: Evidence) -> Expected:
    """Play the declared reads through caches of the declared lives."""
    return expect(evidence, LIVES)


GATES = (
    at_most(0.0, "refused reads", refused_share(["read", "read to edit"], ["200"])),
    at_most(0.0, "refused edits", refused_share(["edit"], ["200", "412"])),
    at_least(lambda run: expected(run).near_share - MARGIN, "near share", near_share, why="played from the dataset"),
    at_least(lambda run: expected(run).shared_share - 0.1, "shared share of the rest", shared_share, why="the same"),
    at_most(most_loads, "loads from Postgres", loads, why="distinct keys x processes + writes"),
    at_most(0.0, "pool timeouts", counted("signet_database_pool_timeouts_total")),
    at_most(1.5, "p50 of reads beside baseline", ratio(p(0.5, "read", "load"), p(0.5, "read", "baseline")), unit="x"),
    at_most(3.0, "p99 of reads beside baseline", ratio(p(0.99, "read", "load"), p(0.99, "read", "baseline")), unit="x"),
)

SCENARIO = Scenario(
    name="warm-cache",
    about="Reads over a hot set of people, and one edit for a hundred of them.",
    dataset=Dataset(PEOPLE, ZIPF),
    phases=PHASES,
    crowds=(
        Crowd("Readers", READERS, READS_EVERY, ("warm-up", "baseline", "load"), ramp=3.0),
        Crowd("Editors", EDITORS, EDITS_EVERY, ("warm-up", "baseline", "load")),
    ),
    gates=GATES,
    settings=LIVES.settings,
)
