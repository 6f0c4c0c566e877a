"""A day of a small company: people on several devices, gateways that verify, newcomers, and one who guesses."""

from loadtests.evidence import Evidence
from loadtests.figures import answered, counted, p, ratio, refused_share, sessions_lost
from loadtests.gates import Gate, at_most
from loadtests.scenario import Crowd, Dataset, Phase, Scenario

PEOPLE, ZIPF = 2_000, 1.0
# SIGNET_LIMIT_SIGN_IN_ADDRESS: so many at once, and this many a second after that.
GUESSES_AT_ONCE, GUESSES_A_SECOND = 60, 1.0
PHASES = (Phase("warm-up", 8), Phase("baseline", 8), Phase("day", 24))
DAY = ("day",)
# Each of these as it should be answered, whatever happens beside it; a refresh with 401 is a session lost.
OUTCOMES = (
    (["read", "read to edit"], ["200"]),
    (["verify"], ["200"]),
    (["sign in"], ["201"]),
    (["refresh"], ["200", "401"]),
    (["list sessions"], ["200"]),
    (["edit"], ["200", "412"]),
    (["log out"], ["204"]),
    (["register"], ["201"]),
    (["guess"], ["401", "429"]),
)
# Beside the quiet gateways alone.
P50, P95, P99 = 2.0, 3.0, 5.0


def guesses_allowed(evidence: Evidence) -> float:
    return GUESSES_AT_ONCE + GUESSES_A_SECOND * (evidence.seconds("day") + 2)


def beside_baseline(limit: float, share: float) -> Gate:
    quiet, busy = p(share, "verify", "baseline"), p(share, "verify", "day")
    return at_most(limit, f"p{share * 100:.0f} of verify beside baseline", ratio(busy, quiet), unit="x")


GATES = (
    *(at_most(0.0, f"refused: {names[0]}", refused_share(names, allowed)) for names, allowed in OUTCOMES),
    at_most(guesses_allowed, "guesses let through", answered("guess", "401"), why="SIGNET_LIMIT_SIGN_IN_ADDRESS"),
    at_most(0.0, "sessions lost", sessions_lost("refresh")),
    at_most(0.0, "pool timeouts", counted("signet_database_pool_timeouts_total")),
    beside_baseline(P50, 0.50),
    beside_baseline(P95, 0.95),
    beside_baseline(P99, 0.99),
)

SCENARIO = Scenario(
    name="mixed",
    about="People sign in, read, edit, refresh and log out on several devices; gateways verify; one guesses passwords.",
    dataset=Dataset(PEOPLE, ZIPF),
    phases=PHASES,
    crowds=(
        Crowd("Verifiers", 20, 0.25, ("warm-up", "baseline", "day")),
        Crowd("Residents", 40, 0.8, DAY, ramp=6.0),
        Crowd("Newcomers", 1, 2.0, DAY),
        Crowd("Guessers", 5, 0.4, DAY),
    ),
    gates=GATES,
)
