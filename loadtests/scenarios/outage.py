"""Redis or Postgres goes away in the middle and comes back: who notices, who must not, and how soon all is well."""

from loadtests.evidence import Evidence
from loadtests.figures import refused_share, slowest_refusal
from loadtests.gates import at_least, at_most
from loadtests.scenario import Crowd, Dataset, Intervention, Phase, Scenario

# Who is read is not edited: what is known to be outdated is not shown, whatever is away.
PEOPLE, READ = 40, 30
# What is promised: a refusal within a second; SIGNET_STALE_IF_ERROR is longer than any outage here.
REFUSED_WITHIN_MS = 1_000.0
PHASES = (Phase("warm-up", 6), Phase("baseline", 6), Phase("away", 20), Phase("settling", 3), Phase("recovered", 6))
ALWAYS = tuple(phase.name for phase in PHASES)
FROM_POSTGRES = ("probe", "list sessions", "edit", "read to edit")


def refused_without_need(evidence: Evidence) -> float:
    """Give the part of what Postgres answers that was refused though Postgres was there, until all is to be well."""
    with_postgres = ("baseline",) if evidence.facts["taken"] == "postgres" else ("baseline", "away", "settling")
    return refused_share(FROM_POSTGRES, ["200", "412"], *with_postgres)(evidence)


def was_away(evidence: Evidence) -> float:
    """Tell whether the outage reached the replicas: what they could not ask Redis, or had to refuse for Postgres."""
    if evidence.facts["taken"] == "postgres":
        return float(evidence.count("probe", "away") - evidence.count("probe", "away", outcome="200"))
    delta = evidence.delta()
    commands = "signet_redis_commands_total"
    return delta.sum(commands, outcome="failed") + delta.sum(commands, outcome="not_asked")


GATES = (
    at_least(1.0, "the outage was felt", was_away),
    at_most(0.0, "refused reads", refused_share(["read", "verify"], ["200"]), why="memory and outdated answers do"),
    at_most(0.0, "refused otherwise than 503 + Retry-After", refused_share(FROM_POSTGRES, ["200", "412", "503"])),
    at_most(0.0, "refused without need", refused_without_need, why="a part of what Postgres answers"),
    at_most(REFUSED_WITHIN_MS, "p99 until a refusal", slowest_refusal(FROM_POSTGRES, "away"), unit="ms"),
    at_most(0.0, "refused after three seconds", refused_share(FROM_POSTGRES, ["200", "412"], "recovered")),
)

SCENARIO = Scenario(
    name="outage",
    about="A store goes away for twenty seconds while people read, edit and list.",
    dataset=Dataset(PEOPLE),
    phases=PHASES,
    crowds=(
        Crowd("Readers", 30, 0.3, ALWAYS, options={"verifies": 0.3, "among": READ}),
        Crowd("Probes", 4, 0.25, ALWAYS, may_fall_behind=True),
        Crowd("Editors", 4, 1.0, ALWAYS, options={"own": 1}, may_fall_behind=True),
        Crowd("Listers", 5, 0.5, ALWAYS, may_fall_behind=True),
    ),
    gates=GATES,
    interventions=(Intervention("away", "take away"), Intervention("settling", "bring back")),
)
