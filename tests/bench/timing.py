"""Whether sign-in takes longer for a known address than for an unknown one: the interval from interleaved pairs."""

from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from time import perf_counter

from service.limits.policies import Lockout
from tests.bench.measuring import as_shipped
from tests.kit.environment import Addresses
from tests.kit.people import new_person
from tests.kit.services import Service

PAIRS = 300
# So many wrong passwords in a row do not delay an account yet: what is compared are the hashes.
WRONG_IN_A_ROW = Lockout().threshold - 1
_NORMAL_99 = 2.576


@dataclass(frozen=True)
class Difference:
    """Mean of (known less unknown) in milliseconds, and its 99 % interval."""

    name: str
    mean: float
    half: float
    typical: float

    @property
    def is_flagged(self) -> bool:
        """Tell whether the interval lies beyond 5 % of a sign-in: what a stranger over a network might tell."""
        return abs(self.mean) - self.half > 0.05 * self.typical

    def __str__(self) -> str:
        verdict = "DIFFERS" if self.is_flagged else "no difference worth a guess"
        interval = f"{self.mean - self.half:+.3f} .. {self.mean + self.half:+.3f} ms"
        return f"{self.name:28}{interval:>28}   of {self.typical:.1f} ms: {verdict}"


async def compare(stores: Addresses, folder: Path) -> list[Difference]:
    """Measure the service, and the build without its decoy."""
    found = []
    for name, module in (("as it ships", "service"), ("without the decoy", "tests.bench.without_decoy")):
        async with as_shipped(stores, folder / "timing.log", {}, module) as service:
            found.append(await difference(service, name))
    return found


async def difference(service: Service, name: str) -> Difference:
    """Sign in with a wrong password in pairs, known and unknown address in alternating order."""
    people = [
        await new_person(service, f"{name.replace(' ', '-')}-{number}@example.com")
        for number in range(PAIRS // WRONG_IN_A_ROW)
    ]
    await _seconds(service, "nobody@example.com")
    differences, known_times = [], []
    for pair in range(PAIRS):
        known, unknown = people[pair % len(people)].email, f"nobody-{pair}@example.com"
        if pair % 2:
            first, second = await _seconds(service, known), await _seconds(service, unknown)
        else:
            second, first = await _seconds(service, unknown), await _seconds(service, known)
        differences.append((first - second) * 1000)
        known_times.append(first * 1000)
    kept = _without_outliers(differences)
    return Difference(name, mean(kept), _NORMAL_99 * stdev(kept) / sqrt(len(kept)), mean(known_times))


def _without_outliers(values: list[float]) -> list[float]:
    """Drop a tenth at either end: another process had the core."""
    ordered = sorted(values)
    tenth = len(ordered) // 10
    return ordered[tenth : len(ordered) - tenth]


async def _seconds(service: Service, email: str) -> float:
    began = perf_counter()
    answer = await service.post("/v1/sessions", json={"email": email, "password": "not the right one"})
    assert answer.status_code == 401, answer.text
    return perf_counter() - began
