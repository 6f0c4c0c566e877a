"""What caches should have answered: the reads of a scenario, played through tiers that live as the file says."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from loadtests.evidence import Evidence
from loadtests.popularity import Popularity

# Entries live 90 to 100 % of their time, so that not all of them end together.
_LEAST_LIFE = 0.9


@dataclass(frozen=True, slots=True)
class Lives:
    """How many seconds entries of the two tiers live."""

    near: int
    shared: int

    @property
    def settings(self) -> dict[str, str]:
        """Say it to Signet."""
        return {"SIGNET_NEAR_TTL": f"{self.near}s", "SIGNET_CACHE_TTL": f"{self.shared}s"}


@dataclass(frozen=True, slots=True)
class Reads:
    """Reads as a scenario declares them; seconds and reads per second."""

    people: int
    zipf: float
    per_second: float
    seconds: float
    replicas: int
    lives: Lives
    writes_per_second: float
    flushed_at: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Expected:
    """How many reads each tier answers."""

    near: int
    shared: int
    postgres: int

    @property
    def near_share(self) -> float:
        return self.near / (self.near + self.shared + self.postgres)

    @property
    def shared_share(self) -> float:
        """Give the part of what the near tier did not answer that the shared tier did."""
        return self.shared / max(1, self.shared + self.postgres)


def expect(evidence: Evidence, lives: Lives) -> Expected:
    """Play the reads a scenario declares through caches of these lives, with its edits and with Redis emptied."""
    scenario = evidence.scenario
    reads = Reads(
        people=scenario.dataset.people,
        zipf=scenario.dataset.zipf,
        per_second=scenario.crowd("Readers").per_second,
        seconds=scenario.seconds,
        replicas=evidence.replicas,
        lives=lives,
        writes_per_second=sum(crowd.per_second for crowd in scenario.crowds if crowd.kind == "Editors"),
        flushed_at=tuple(
            scenario.begin(each.phase) + each.after for each in scenario.interventions if each.what == "flush redis"
        ),
    )
    return _play(reads)


@lru_cache
def _play(reads: Reads) -> Expected:
    return Tiers(reads).play()


class Tiers:
    """The tiers as a model: when an entry ends, and nothing else."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._random = Random(1)  # noqa: S311 - the same expectation each time
        self._popularity = Popularity(reads.people, reads.zipf)
        self._near: list[dict[int, float]] = [{} for _ in range(reads.replicas)]
        self._shared: dict[int, float] = {}

    def play(self) -> Expected:
        answered = {"near": 0, "shared": 0, "postgres": 0}
        flushes = list(self._reads.flushed_at)
        for at, is_write in self._instants():
            while flushes and at >= flushes[0]:
                flushes.pop(0)
                self._shared.clear()
            key = self._popularity.draw(self._random)
            tier = self._read(key, at)
            if is_write:
                self._forget(key)
            answered[tier] += 1
        return Expected(**answered)

    def _instants(self) -> Iterator[tuple[float, bool]]:
        """Give when somebody reads, and whether a write follows, in order of time."""
        both = self._reads.per_second + self._reads.writes_per_second
        at = 0.0
        while (at := at + self._random.expovariate(both)) < self._reads.seconds:
            yield at, self._random.random() * both < self._reads.writes_per_second

    def _read(self, key: int, at: float) -> str:
        near = self._near[self._random.randrange(self._reads.replicas)]
        if near.get(key, 0.0) > at:
            return "near"
        tier = "shared" if self._shared.get(key, 0.0) > at else "postgres"
        if tier == "postgres":
            self._shared[key] = at + self._reads.lives.shared * self._random.uniform(_LEAST_LIFE, 1)
        near[key] = at + self._reads.lives.near * self._random.uniform(_LEAST_LIFE, 1)
        return tier

    def _forget(self, key: int) -> None:
        self._shared.pop(key, None)
        for near in self._near:
            near.pop(key, None)
