"""What the generator is told. Nothing in it is secret: the signing key is sealed, the secret is in the environment."""

from dataclasses import asdict, dataclass
from typing import Any

from loadtests.scenario import Crowd, Dataset, Phase, Scenario

# Where workers find their master.
PORT = 5557


@dataclass(frozen=True, slots=True)
class Issuing:
    """What a token of this deployment says, and the key that signs it as the database holds it (in hexadecimal)."""

    issuer: str
    audience: str
    access_ttl: float
    key_id: str
    algorithm: str
    sealed_private: str


@dataclass(frozen=True, slots=True)
class Plan:
    """One run as its generators see it. `begins_at` is when the first phase begins, in seconds since the epoch."""

    scenario: str
    dataset: Dataset
    phases: tuple[Phase, ...]
    crowds: tuple[Crowd, ...]
    hosts: tuple[str, ...]
    proxy_header: str
    issuing: Issuing
    began_ms: int
    workers: int = 1
    begins_at: float = 0.0

    @property
    def seconds(self) -> float:
        return sum(phase.seconds for phase in self.phases)

    @property
    def users(self) -> int:
        return sum(crowd.users for crowd in self.crowds)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, read: dict[str, Any]) -> "Plan":
        return cls(
            scenario=read["scenario"],
            dataset=Dataset(**read["dataset"]),
            phases=tuple(Phase(**phase) for phase in read["phases"]),
            crowds=tuple(Crowd(**{**crowd, "during": tuple(crowd["during"])}) for crowd in read["crowds"]),
            hosts=tuple(read["hosts"]),
            proxy_header=read["proxy_header"],
            issuing=Issuing(**read["issuing"]),
            began_ms=read["began_ms"],
            workers=read["workers"],
            begins_at=read["begins_at"],
        )


def plan_of(scenario: Scenario, hosts: tuple[str, ...], proxy_header: str, issuing: Issuing, began_ms: int) -> Plan:
    return Plan(
        scenario.name, scenario.dataset, scenario.phases, scenario.crowds, hosts, proxy_header, issuing, began_ms
    )
