"""Logging out at one replica while the others serve: how long a token is still let through, seen from outside."""

from loadtests.evidence import Evidence
from loadtests.exposition import Unreadable
from loadtests.figures import answered, counted, p, refused_share
from loadtests.gates import at_least, at_most
from loadtests.scenario import Crowd, Dataset, Phase, Scenario

PEOPLE = 1_000
# What is promised: announced by Redis in a moment, and polled within a second whatever happens.
P99_MS, MOST_MS = 50.0, 1_000.0
# SIGNET_CHANGES_LATE: from this age on a process no longer trusts its memory.
LATE_SECONDS = 2.0
PHASES = (Phase("warm-up", 4), Phase("leaving", 20))


def poll_age(evidence: Evidence) -> float:
    """Give the longest time any replica had not polled for when it was looked at, in seconds."""
    begins_at = float(evidence.facts["begins_at"])
    ages = [
        begins_at + moment.second - reading.sum("signet_changes_last_poll_timestamp_seconds")
        for moment in evidence.moments
        if 0 <= moment.second <= evidence.scenario.seconds
        for reading in moment.complete
    ]
    if not ages:
        raise Unreadable("no replica was looked at")
    return max(ages)


GATES = (
    at_least(50.0, "revocations measured", answered("revocation lag", "measured")),
    at_most(P99_MS, "p99 of the lag", p(0.99, "revocation lag"), unit="ms", why="announced by Redis"),
    at_most(MOST_MS, "longest lag", p(1.0, "revocation lag"), unit="ms", why="polled"),
    at_most(LATE_SECONDS, "age of the last poll", poll_age, unit="s", why="SIGNET_CHANGES_LATE"),
    at_most(0.0, "refused log-outs", refused_share(["log out"], ["204"])),
    at_most(0.0, "neither 200 nor 401", refused_share(["verify elsewhere"], ["200", "401"])),
    at_most(0.0, "refused reads", refused_share(["read"], ["200"])),
    at_most(0.0, "announcements lost", counted("signet_announcements_lost_total")),
)

SCENARIO = Scenario(
    name="revocation",
    about="People log out at one replica; another is asked until it refuses their tokens.",
    dataset=Dataset(PEOPLE),
    phases=PHASES,
    crowds=(
        Crowd("Readers", 25, 0.25, ("warm-up", "leaving")),
        Crowd("Leavers", 8, 0.5, ("leaving",)),
    ),
    gates=GATES,
)
