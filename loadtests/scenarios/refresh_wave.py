"""Everybody's access token expires in the same instant: each device refreshes once, and nobody loses a session."""

from loadtests.evidence import Evidence
from loadtests.figures import answered, counted, p, ratio, refused_share, sessions_lost, statements_per
from loadtests.gates import at_least, at_most
from loadtests.scenario import Crowd, Dataset, Phase, Scenario

# Twice as many could be done in the wave on two cores, which the stores and the generator share.
PEOPLE = 600
PHASES = (Phase("warm-up", 4), Phase("baseline", 8), Phase("wave", 12))
ALWAYS = ("warm-up", "baseline", "wave")
REFRESHES = ("refresh", "refresh at once")


def everybody(evidence: Evidence) -> float:
    return float(evidence.scenario.dataset.people)


GATES = (
    at_most(0.0, "refused refreshes", refused_share(REFRESHES, ["200", "401"])),
    at_least(everybody, "devices with a new pair", answered("refresh at once", "200", "wave"), why="people"),
    at_most(0.0, "sessions lost", sessions_lost(*REFRESHES)),
    at_most(1.05, "statements of a refresh", statements_per(REFRESHES, of="sessions."), why="one rotates"),
    at_most(0.0, "refused reads", refused_share(["read"], ["200"])),
    at_most(
        1.0,
        # Not p99: in a wave that takes all cores that is what the machine does to anybody, now and then.
        "p95 of reads beside that of the wave",
        ratio(p(0.95, "read", "wave"), p(0.95, "refresh at once", "wave")),
        unit="x",
        why="who did not cause the wave waits no longer than who did",
    ),
    at_most(0.0, "pool timeouts", counted("signet_database_pool_timeouts_total")),
)

SCENARIO = Scenario(
    name="refresh-wave",
    about="The tokens of all devices expire at once; each of them refreshes as soon as it gets its turn.",
    dataset=Dataset(PEOPLE),
    phases=PHASES,
    crowds=(
        Crowd("Readers", 20, 0.2, ALWAYS),
        Crowd("Refreshers", 10, 1.0, ("warm-up", "baseline")),
        Crowd("Expired", 16, 0.0, ("wave",)),
    ),
    gates=GATES,
)
