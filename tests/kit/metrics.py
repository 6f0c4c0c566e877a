"""Metrics of a replica as a scraper reads them, and what changed between two readings."""

from collections import Counter
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from tests.kit.services import Service

# Statements that a process runs beside its requests, whenever their time comes.
_DUTIES = frozenset({"changes.poll", "changes.load", "users.count_schemes", "users.size"})


@dataclass(frozen=True)
class Reading:
    """Every sample of one scrape."""

    samples: dict[tuple[str, frozenset[tuple[str, str]]], float]

    def value(self, name: str, **labels: str) -> float:
        """Return one sample; what was never counted is 0."""
        return self.samples.get((name, frozenset(labels.items())), 0.0)

    def statements(self) -> Counter[str]:
        """Count the statements that requests ran, by name."""
        counted = "signet_database_statement_duration_seconds_count"
        found = {dict(labels)["statement"]: value for (name, labels), value in self.samples.items() if name == counted}
        return Counter({name: int(value) for name, value in found.items() if _is_asked_for(name)})

    def hashes(self) -> int:
        """Count the password hashes that ran."""
        return int(self.value("signet_hash_duration_seconds_count"))

    def redis_commands(self) -> int:
        """Count the commands to Redis, whatever came of them."""
        return int(sum(value for (name, _), value in self.samples.items() if name == "signet_redis_commands_total"))


async def read_metrics(service: Service) -> Reading:
    """Scrape a replica."""
    families = text_string_to_metric_families(await service.metrics())
    return Reading(
        {
            (sample.name, frozenset(sample.labels.items())): float(sample.value)
            for family in families
            for sample in family.samples
        }
    )


async def total(services: tuple[Service, ...], name: str, **labels: str) -> float:
    """Sum one sample over replicas."""
    return sum([(await read_metrics(service)).value(name, **labels) for service in services])


def _is_asked_for(statement: str) -> bool:
    return statement not in _DUTIES and not statement.startswith("keys.")
