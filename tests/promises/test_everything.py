"""What people do in test_every_query.py and in the previews: they use every route there is."""

import json
from collections import Counter

import asyncpg

from tests.kit.metrics import read_metrics
from tests.kit.programs import ROOT
from tests.kit.services import Service
from tests.observability.everything import around


async def test_every_route_of_the_api_is_driven(
    replicas: tuple[Service, Service], database: asyncpg.Connection
) -> None:
    """Held against the description that is served, so a new route that nobody uses there turns this red."""
    described = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))["paths"]
    before = await answered(replicas)

    await around(*replicas, database)

    driven = await answered(replicas) - before
    assert driven.keys() == {
        (method.upper(), path) for path, methods in described.items() for method in methods if method != "parameters"
    }


async def answered(replicas: tuple[Service, Service]) -> Counter[tuple[str, str]]:
    """Count what was answered well by method and route, as the metrics have it."""
    found: Counter[tuple[str, str]] = Counter()
    for replica in replicas:
        for (name, labels), count in (await read_metrics(replica)).samples.items():
            told = dict(labels)
            if name == "http_requests_total" and told["status"].startswith("2"):
                found[told["method"], told["handler"]] += int(count)
    return found
