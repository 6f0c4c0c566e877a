"""What is turned off, and the gate that has to notice: this one and no other. Every gate of every scenario is here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from loadtests import people, scenarios
from loadtests.gates import KEEPING_UP, Gate

_BUILDS = "tests.loadtests.builds"
_READ, _EDIT, _VERIFY = "GET /v1/users/me", "PATCH /v1/users/me", "GET /v1/verify"
_SIGN_IN, _REGISTER = "POST /v1/sessions", "POST /v1/users"
_REFRESH, _LIST, _LOG_OUT = "POST /v1/sessions/refresh", "GET /v1/sessions", "DELETE /v1/sessions/current"
_FROM_POSTGRES = ("--take", "postgres")
_IMPATIENT = {"SIGNET_DATABASE_POOL": "1", "SIGNET_DATABASE_WAIT": "1ms"}
# Who signs in and who guesses ask the same; the guesser is one address.
_GUESSER = people.address(-1)
# Every scenario has this gate; it is seen red in one.
_STALLED = ("revocation", KEEPING_UP.name)


@dataclass(frozen=True)
class Fault:
    """A run that is red for one reason: a build with a fault, or settings that turn something off."""

    scenario: str
    gate: str
    build: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    length: float = 0.4

    def __str__(self) -> str:
        return f"{self.scenario}: {self.gate}"

    @property
    def words(self) -> list[str]:
        """Give what is said on the command line."""
        module = ["--module", f"{_BUILDS}.{self.build}"] if self.build else []
        return ["--length", str(self.length), *module, *self.options]


def refused(scenario: str, gate: str, asked: str, every: int, length: float = 0.4, **otherwise: float | str) -> Fault:
    """Let each `every`-th request of a kind be refused with 500, or be answered as `otherwise` says."""
    fault = {"asked": asked, "every": every, **(otherwise or {"status": 500})}
    return Fault(scenario, gate, "answering", {"FAULT": json.dumps(fault)}, length=length)


def in_vain(scenario: str, length: float = 0.4) -> Fault:
    return Fault(scenario, "pool timeouts", "waiting_in_vain", _IMPATIENT, length=length)


WARM_CACHE = (
    refused("warm-cache", "refused reads", _READ, 50),
    refused("warm-cache", "refused edits", _EDIT, 5),
    Fault("warm-cache", "near share", settings={"SIGNET_NEAR_ENTRIES": "0"}),
    Fault("warm-cache", "shared share of the rest", settings={"SIGNET_CACHE_TTL": "0"}),
    Fault("warm-cache", "loads from Postgres", "loading_often"),
    in_vain("warm-cache"),
    refused("warm-cache", "p50 of reads beside baseline", _READ, 1, after=600, delay=0.002),
    refused("warm-cache", "p99 of reads beside baseline", _READ, 30, after=600, delay=0.08),
)
COLD_CACHE = (
    refused("cold-cache", "refused reads", _READ, 50),
    Fault("cold-cache", "loads from Postgres", "without_coalescing", length=0.5),
    Fault("cold-cache", "near share", settings={"SIGNET_NEAR_ENTRIES": "0"}),
    Fault("cold-cache", "shared share of the rest", "wrong_tier"),
    in_vain("cold-cache"),
)
LOGIN_STORM = (
    refused("login-storm", "refused sign-ins", _SIGN_IN, 25, 0.6, status=500, spared=_GUESSER),
    refused("login-storm", "refused guesses", _SIGN_IN, 3, 0.6, status=500, sender=_GUESSER),
    Fault("login-storm", "hashes of one address", "without_turns", length=0.6),
    refused("login-storm", "refused reads", _READ, 50, 0.6),
    Fault("login-storm", "p99 of reads beside baseline", "hashing_on_the_loop", length=0.6),
    Fault("login-storm", "CPU of a sign-in beside its hash", "costly_sign_ins", length=0.6),
    Fault("login-storm", "hashing threads busy", "resting_threads", length=0.6),
    in_vain("login-storm", 0.6),
)
MIXED = (
    refused("mixed", "refused: read", _READ, 50),
    refused("mixed", "refused: verify", _VERIFY, 50),
    refused("mixed", "refused: sign in", _SIGN_IN, 10, status=500, spared=_GUESSER),
    refused("mixed", "refused: refresh", _REFRESH, 5),
    refused("mixed", "refused: list sessions", _LIST, 5),
    refused("mixed", "refused: edit", _EDIT, 3),
    refused("mixed", "refused: log out", _LOG_OUT, 1),
    refused("mixed", "refused: register", _REGISTER, 2),
    refused("mixed", "refused: guess", _SIGN_IN, 5, status=500, sender=_GUESSER),
    Fault("mixed", "guesses let through", settings={"SIGNET_LIMITS": "off", "SIGNET_LIMITS_OFF_IS_INTENDED": "true"}),
    Fault("mixed", "sessions lost", "forgetful"),
    in_vain("mixed"),
    refused("mixed", "p50 of verify beside baseline", _VERIFY, 1, after=250, delay=0.004),
    refused("mixed", "p95 of verify beside baseline", _VERIFY, 12, after=250, delay=0.011),
    refused("mixed", "p99 of verify beside baseline", _VERIFY, 40, after=250, delay=0.2),
)
OUTAGE = (
    # Of one who is read, and does not edit: who edits reads, too.
    refused("outage", "refused reads", _READ, 1, 0.5, status=500, sender=people.address(0)),
    Fault("outage", "refused otherwise than 503 + Retry-After", "without_retry_after", {}, _FROM_POSTGRES, 0.5),
    refused("outage", "refused without need", _LIST, 10, 0.5, after=40, until=120, status=503),
    Fault("outage", "p99 until a refusal", "late_refusals", {"FAULT": "1.2"}, _FROM_POSTGRES, 0.5),
    Fault("outage", "refused after three seconds", "slow_to_return", {}, _FROM_POSTGRES, 0.5),
)
POOL_PRESSURE = (
    Fault("pool-pressure", "connections in pg_stat_activity", "hoarding", length=1),
    Fault("pool-pressure", "waited in vain under pressure", "refusing_early", length=1),
    Fault("pool-pressure", "waited in vain before and after", "borrowing_all", length=1),
    Fault("pool-pressure", "waits for a connection over 0.5 s", "passed_over", length=1),
    Fault("pool-pressure", "p99 until a refusal", "late_refusals", {"FAULT": "0.5"}, length=1),
    Fault("pool-pressure", "uncached answers a second", settings={"SIGNET_DATABASE_POOL": "1"}, length=1),
    refused("pool-pressure", "refused otherwise than 503 + Retry-After", _EDIT, 5, 1, status=500, until=40),
    refused("pool-pressure", "refused reads", _READ, 1, 1, status=500, sender=people.address(0)),
    refused("pool-pressure", "p99 of cached reads beside baseline", _READ, 20, 1, after=1500, delay=0.1),
    Fault("pool-pressure", "served beside those served most", "refusing_writers", length=1),
    Fault("pool-pressure", "refused after two seconds", "exhausted", {"FAULT": "9"}, length=1),
)
REFRESH_WAVE = (
    refused("refresh-wave", "refused refreshes", _REFRESH, 20, 0.8),
    refused("refresh-wave", "devices with a new pair", _REFRESH, 1, 0.8, delay=0.5),
    Fault("refresh-wave", "sessions lost", "forgetful", length=0.8),
    Fault("refresh-wave", "statements of a refresh", "asking_more", length=0.8),
    refused("refresh-wave", "refused reads", _READ, 50, 0.8),
    refused("refresh-wave", "p95 of reads beside that of the wave", _READ, 8, 0.8, delay=0.15),
    in_vain("refresh-wave", 0.8),
)
REVOCATION = (
    refused("revocation", "revocations measured", _VERIFY, 1, after=30, status=401),
    Fault("revocation", "p99 of the lag", "deaf"),
    Fault("revocation", "longest lag", "slow_to_understand", length=1),
    Fault("revocation", "age of the last poll", "without_polling"),
    refused("revocation", "refused log-outs", _LOG_OUT, 10),
    refused("revocation", "neither 200 nor 401", _VERIFY, 50),
    refused("revocation", "refused reads", _READ, 50),
    Fault("revocation", "announcements lost", "losing_answers"),
    # Nobody judges how long these reads take: only that turns are left out for it.
    refused(_STALLED[0], _STALLED[1], _READ, 10, delay=4),
)
SOAK = (
    Fault("soak", "growth of process_resident_memory_bytes", "leaking", {"FAULT": "memory"}, length=0.1),
    Fault("soak", "growth of signet_asyncio_tasks", "leaking", {"FAULT": "tasks"}, length=0.1),
    Fault("soak", "connections in use afterwards", "leaking", {"FAULT": "place"}, length=0.1),
)
FAULTS = (
    *WARM_CACHE, *COLD_CACHE, *LOGIN_STORM, *MIXED, *OUTAGE, *POOL_PRESSURE, *REFRESH_WAVE, *REVOCATION, *SOAK,
)  # fmt: skip
# Not a build but hooks that do nothing: `test_run` has it.
IDLE_HOOKS = ("outage", "the outage was felt")


def gates() -> set[tuple[str, str]]:
    """Name every gate of every scenario once; what a scenario takes over from another is named with that one."""
    first: dict[Gate, str] = {}
    for name in scenarios.NAMES:
        for gate in scenarios.find(name).gates:
            first.setdefault(gate, name)
    return {(name, gate.name) for gate, name in first.items()} | {_STALLED}
