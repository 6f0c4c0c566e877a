"""The words in which a scenario is written: dataset, phases, crowds, interventions, gates."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from loadtests.gates import Gate


@dataclass(frozen=True, slots=True)
class Dataset:
    """How many people there are, and how unevenly they are asked for: 0 evenly, 1 as words in a language."""

    people: int
    zipf: float = 0.0


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the run. What is called `warm-up` is in no figure."""

    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Crowd:
    """Simulated users that are alike.

    `kind` is a class of `loadtests.crowds`. Each user takes a turn every `every` seconds, whatever became of the last
    one, in the phases named in `during`; 0 means again as soon as it is answered. `ramp` is how many seconds it takes
    until all of them have begun. `options` are the class's own. A crowd that asks for more than can be done
    `may_fall_behind`: answers may keep it waiting until it leaves turns out.
    """

    kind: str
    users: int
    every: float
    during: tuple[str, ...]
    ramp: float = 0.0
    options: Mapping[str, float] = field(default_factory=dict)
    may_fall_behind: bool = False

    @property
    def per_second(self) -> float:
        """How many turns all of them take in a second."""
        return self.users / self.every if self.every else 0.0


@dataclass(frozen=True, slots=True)
class Intervention:
    """What is done to the subject so many seconds into a phase: a method of `Subject`, its name in words."""

    phase: str
    what: Literal["flush redis", "slow database", "heal database", "take away", "bring back"]
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """One load test: `settings` are those of Signet when it is started for the run, as the gates assume them."""

    name: str
    about: str
    dataset: Dataset
    phases: tuple[Phase, ...]
    crowds: tuple[Crowd, ...]
    gates: "tuple[Gate, ...]"
    settings: Mapping[str, str] = field(default_factory=dict)
    interventions: tuple[Intervention, ...] = ()
    replicas: int = 2
    # How much later Postgres answers between `slow database` and `heal database`, in seconds.
    slowness: float = 0.0

    @property
    def seconds(self) -> float:
        return sum(phase.seconds for phase in self.phases)

    @property
    def takes_away(self) -> bool:
        return any(intervention.what == "take away" for intervention in self.interventions)

    def begin(self, name: str) -> float:
        """Say how many seconds into the run a phase begins."""
        before = 0.0
        for phase in self.phases:
            if phase.name == name:
                return before
            before += phase.seconds
        raise KeyError(name)

    def span(self, name: str) -> tuple[float, float]:
        begin = self.begin(name)
        return begin, begin + next(phase.seconds for phase in self.phases if phase.name == name)

    def crowd(self, kind: str) -> Crowd:
        return next(crowd for crowd in self.crowds if crowd.kind == kind)
