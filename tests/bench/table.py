"""What a request costs, as ratios to a bare FastAPI route in the same run."""

import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import psutil

from loadtests.subject import AS_IN_THE_IMAGE
from service.settings import Settings
from tests.bench.collector import collecting
from tests.bench.measuring import SERVER_CORES, Subject, measure, pin
from tests.bench.ours import ME, REFRESH, SIGN_IN, VERIFY, signet
from tests.bench.peers.running import hello, own_profile
from tests.kit.environment import Addresses
from tests.kit.programs import ROOT

ROUNDS, SECONDS = 5, 3.0
BARE, TUTORIAL, FASTAPI_USERS = (
    "FastAPI, `response_model`, 17 bytes",
    "FastAPI as tutorials compose it",
    "fastapi-users",
)
PEERS = "tests.bench.peers"
MEGABYTE = 2**20


@dataclass(frozen=True)
class Promise:
    """A bound on a ratio of two figures."""

    what: str
    figure: float
    limit: float
    is_floor: bool = False

    @property
    def is_kept(self) -> bool:
        return self.figure >= self.limit if self.is_floor else self.figure <= self.limit

    def __str__(self) -> str:
        sign = "≥" if self.is_floor else "≤"
        return (
            f"| {self.what} | {self.figure:.2f} | {sign} {self.limit:g} | {'kept' if self.is_kept else '**missed**'} |"
        )


@dataclass
class Costs:
    """What was measured in one run."""

    subjects: list[Subject]
    verifications: list[float] = field(default_factory=list)
    worker_megabytes: float = 0.0

    def micros(self, name: str) -> float:
        return self._find(name).median

    @property
    def hashing(self) -> list[float]:
        """What the Argon2 verify in a sign-in cost: in the same seconds, of the same process."""
        return self._find(SIGN_IN).micros_beside

    def _find(self, name: str) -> Subject:
        return next(subject for subject in self.subjects if subject.name == name)

    @property
    def promises(self) -> list[Promise]:
        bare, me = self.micros(BARE), self.micros(ME)
        return [
            Promise(f"{ME} ÷ bare FastAPI", me / bare, 0.70),
            Promise(f"{VERIFY} ÷ bare FastAPI", self.micros(VERIFY) / bare, 0.70),
            Promise(f"tutorial ÷ {ME}", self.micros(TUTORIAL) / me, 20, is_floor=True),
            Promise(f"fastapi-users ÷ {ME}", self.micros(FASTAPI_USERS) / me, 10, is_floor=True),
            Promise(f"{REFRESH} ÷ bare FastAPI", self.micros(REFRESH) / bare, 8),
            Promise(f"{SIGN_IN} ÷ the Argon2 verify in it", self.micros(SIGN_IN) / median(self.hashing), 1.10),
            Promise("memory of the worker after this load, MB", self.worker_megabytes, 120),
        ]

    def __str__(self) -> str:
        bare = self.micros(BARE)
        rows = [
            f"| {subject.name} | {subject.median:.0f} | {subject.spread} | {subject.median / bare:.2f} |"
            for subject in self.subjects
        ]
        checks = {"the Argon2id verify in it": self.hashing, "one in a process of its own": self.verifications}
        for check, micros in checks.items():
            spread = f"{min(micros):.0f}..{max(micros):.0f}"
            rows.append(f"| {check} | {median(micros):.0f} | {spread} | {median(micros) / bare:.2f} |")
        head = ["| | µs | spread | bare FastAPI = 1 |", "|---|--:|--:|--:|"]
        kept = ["| promise | figure | limit | |", "|---|--:|--:|---|", *map(str, self.promises)]
        return "\n".join([*head, *rows, "", *kept])


async def compare(stores: Addresses, folder: Path, named: list[Subject]) -> Costs:
    """Measure everything in interleaved rounds, and those that were named besides."""
    with collecting() as url, ExitStack() as peers:
        subjects = [
            peers.enter_context(hello("raw ASGI, 17 bytes", f"{PEERS}.raw")),
            peers.enter_context(hello(BARE, f"{PEERS}.bare")),
            peers.enter_context(own_profile(TUTORIAL, f"{PEERS}.tutorial", stores, url)),
            peers.enter_context(own_profile(FASTAPI_USERS, f"{PEERS}.fastapi_users", stores, url)),
        ]
        async with signet(stores, folder, url) as ours:
            costs = Costs([*subjects, *named, *ours.values()])
            for _ in range(ROUNDS):
                for subject in costs.subjects:
                    measure(subject, SECONDS)
                costs.verifications.append(verify_micros())
            costs.worker_megabytes = psutil.Process(ours["me"].pid).memory_info().rss / MEGABYTE
    return costs


def verify_micros() -> float:
    """CPU of one verification with the parameters and the memory as shipped, alone on the server's core."""
    parameters = [str(Settings.model_fields[name].default) for name in ("argon2_iterations", "argon2_memory_kib")]
    done = subprocess.run(
        [sys.executable, "-m", "loadtests.hashing", *parameters],
        cwd=ROOT,
        env={**os.environ, **AS_IN_THE_IMAGE},
        capture_output=True,
        check=True,
        preexec_fn=lambda: pin(0, SERVER_CORES),
    )
    return float(done.stdout) * 1e6
