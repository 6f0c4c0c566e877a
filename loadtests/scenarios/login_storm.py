"""Monday, nine o'clock: everybody signs in, somebody guesses passwords, and those who are in want to read."""

from loadtests.evidence import Evidence
from loadtests.figures import answered, counted, cpu_seconds, p, ratio, refused_share
from loadtests.gates import at_least, at_most
from loadtests.scenario import Crowd, Dataset, Phase, Scenario

PEOPLE = 2_000
THREADS = 1
ARRIVALS = 24
# The hash is the cost of a sign-in, not the service around it.
MOST_BESIDE_HASH = 1.10
# Beside others a hash costs more than one alone, but never this much.
MOST_BESIDE_MEASURED = 1.6
QUIET = p(0.99, "read", "baseline")
PHASES = (Phase("warm-up", 5), Phase("baseline", 10), Phase("storm", 16))


def cpu_beside_hash(evidence: Evidence) -> float:
    """Give the cost of a sign-in as a multiple of its hash.

    Where the threads can be looked at, both are taken from the same seconds of the same process; elsewhere the hash is
    one measured on this machine.
    """
    if not evidence.threads:
        return ratio(cpu_per_sign_in, verify_seconds)(evidence)
    storm, quiet = evidence.threads_in("storm"), evidence.threads_in("baseline")
    signing_in = storm.loops - quiet.loops * storm.second / quiet.second
    # A build that hashes elsewhere than in threads, or in them does more, is held beside the hash measured here.
    measured = verify_seconds(evidence) * hashes(evidence)
    is_hashing = measured / 2 < storm.others < measured * MOST_BESIDE_MEASURED
    return (storm.others + signing_in) / (storm.others if is_hashing else measured)


def cpu_per_sign_in(evidence: Evidence) -> float:
    """Divide what the storm cost beyond the same seconds of reading, by the passwords that were checked."""
    reading = cpu_seconds(evidence, "baseline") * evidence.seconds("storm") / evidence.seconds("baseline")
    return (cpu_seconds(evidence, "storm") - reading) / hashes(evidence)


def hashes(evidence: Evidence) -> float:
    return max(1.0, counted("signet_hash_duration_seconds_count", "storm")(evidence))


def verify_seconds(evidence: Evidence) -> float:
    return float(evidence.facts["verify_seconds"])


def busy(evidence: Evidence) -> float:
    """Give the part of the storm in which threads were hashing."""
    ran = counted("signet_hash_duration_seconds_sum", "storm")(evidence)
    return ran / (THREADS * evidence.replicas * evidence.seconds("storm"))


def fair_guesses(evidence: Evidence) -> float:
    """Say how many hashes one address may have while so many others wait: its turn, and half as many again."""
    return 1.5 * hashes(evidence) / (ARRIVALS + 1)


GATES = (
    at_most(0.0, "refused sign-ins", refused_share(["sign in"], ["201"])),
    at_most(fair_guesses, "hashes of one address", answered("guess", "401"), why="each address has its turn"),
    at_most(0.0, "refused guesses", refused_share(["guess"], ["401", "429", "503"])),
    at_most(0.0, "refused reads", refused_share(["read"], ["200"])),
    at_most(2.0, "p99 of reads beside baseline", ratio(p(0.99, "read", "storm"), QUIET), unit="x"),
    at_most(MOST_BESIDE_HASH, "CPU of a sign-in beside its hash", cpu_beside_hash, unit="x"),
    at_least(0.9, "hashing threads busy", busy),
    at_most(0.0, "pool timeouts", counted("signet_database_pool_timeouts_total")),
)

SCENARIO = Scenario(
    name="login-storm",
    about="Everybody signs in as fast as passwords can be checked, one guesses, others read.",
    dataset=Dataset(PEOPLE, 1.1),
    phases=PHASES,
    crowds=(
        Crowd("Readers", 40, 0.4, ("warm-up", "baseline", "storm"), ramp=2.0),
        Crowd("Arrivals", ARRIVALS, 0.0, ("storm",), ramp=0.5),
        Crowd("Guessers", 5, 0.5, ("storm",), may_fall_behind=True),
    ),
    gates=GATES,
    settings={"SIGNET_HASH_THREADS": str(THREADS)},
    replicas=1,
)
