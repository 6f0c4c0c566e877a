"""As many uncached requests as a small pool can't serve from a slow database: who has to wait, and who does not."""

from loadtests.evidence import Evidence
from loadtests.figures import (
    answered,
    connections,
    counted,
    p,
    pool_waits_over,
    ratio,
    refused_share,
    slowest_refusal,
)
from loadtests.gates import at_least, at_most
from loadtests.scenario import Crowd, Dataset, Intervention, Phase, Scenario

# Who is read is not edited: what is edited has to be read from Postgres again.
PEOPLE, READ = 60, 50
POOL, WAIT_MS, SLOWNESS = 2, 300.0, 0.025
# Some dozens of edits: chance moves the part of them that is served by less.
FAIR = 0.5
# What a request adds to the slow answer of its statement.
OVERHEAD = 0.006
# One statement each; what an edit waits for is judged by the waits themselves.
SINGLE = ("list sessions", "probe")
ALWAYS_ASKING = (*SINGLE, "edit")
# A profile that was edited has to be read from Postgres, too.
UNCACHED = (*ALWAYS_ASKING, "read to edit")
PHASES = (
    Phase("warm-up", 5),
    Phase("baseline", 10),
    Phase("pressure", 12),
    Phase("settling", 2),
    Phase("recovered", 5),
)
ALWAYS = ("warm-up", "baseline", "pressure", "settling", "recovered")


def most_connections(evidence: Evidence) -> float:
    """Each process may have its pool, and one connection more for changes."""
    return evidence.replicas * (POOL + 1)


def least_answered(evidence: Evidence) -> float:
    """Say what such a pool can do: every connection one statement after the other."""
    return 0.7 * evidence.replicas * POOL / (SLOWNESS + OVERHEAD)


def answered_per_second(evidence: Evidence) -> float:
    return answered("list sessions", "200", "pressure")(evidence) / evidence.seconds("pressure")


def timeouts_elsewhere(evidence: Evidence) -> float:
    """Count those that waited in vain when nothing pressed."""
    metric = "signet_database_pool_timeouts_total"
    return sum(counted(metric, phase)(evidence) for phase in ("baseline", "recovered"))


def fairness(evidence: Evidence) -> float:
    """Hold the class of requests that was served least beside the one that was served most, by their served parts."""
    served = [1 - refused_share([name], ["200", "412"], "pressure")(evidence) for name in ALWAYS_ASKING]
    return min(served) / max(served) if any(served) else 0.0


GATES = (
    at_most(most_connections, "connections in pg_stat_activity", connections, why="replicas x (pool + 1)"),
    at_least(1.0, "waited in vain under pressure", counted("signet_database_pool_timeouts_total", "pressure")),
    at_most(0.0, "waited in vain before and after", timeouts_elsewhere),
    at_most(0.0, "waits for a connection over 0.5 s", pool_waits_over(0.5), why="SIGNET_DATABASE_WAIT"),
    at_most(WAIT_MS + 250, "p99 until a refusal", slowest_refusal(SINGLE, "pressure"), unit="ms"),
    at_least(least_answered, "uncached answers a second", answered_per_second, why="connections / slowness"),
    at_most(0.0, "refused otherwise than 503 + Retry-After", refused_share(UNCACHED, ["200", "412", "503"])),
    at_most(0.0, "refused reads", refused_share(["read"], ["200"])),
    at_most(
        1.5,
        "p99 of cached reads beside baseline",
        ratio(p(0.99, "read", "pressure"), p(0.99, "read", "baseline")),
        unit="x",
    ),
    at_least(FAIR, "served beside those served most", fairness, why="whoever waits has the same chance"),
    at_most(0.0, "refused after two seconds", refused_share(UNCACHED, ["200", "412"], "recovered")),
)

SCENARIO = Scenario(
    name="pool-pressure",
    about="Sessions are listed and profiles edited; then the database becomes too slow for a pool of two connections.",
    dataset=Dataset(PEOPLE),
    phases=PHASES,
    crowds=(
        Crowd("Readers", 45, 0.25, ALWAYS, options={"among": READ}),
        # All the time, so that the baseline of cached reads has the same work beside it; only the database gets slow.
        # Each pauses longer than anybody may have to wait: who is late with a turn would add that to the next.
        Crowd("Probes", 4, 0.5, ALWAYS, may_fall_behind=True),
        Crowd("Listers", 60, 0.4, ALWAYS, ramp=1.0, may_fall_behind=True),
        Crowd("Editors", 4, 1.0, ALWAYS, options={"own": 1}, may_fall_behind=True),
    ),
    gates=GATES,
    settings={"SIGNET_DATABASE_POOL": str(POOL), "SIGNET_DATABASE_WAIT": f"{WAIT_MS:.0f}ms"},
    interventions=(Intervention("pressure", "slow database"), Intervention("settling", "heal database")),
    slowness=SLOWNESS,
)
