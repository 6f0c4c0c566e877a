"""No value is there for nothing: each, when it is changed, changes what is rendered in one of the chart's ways."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import helm_python
import pytest
import yaml

from tests.kit.rendering import CHART, Manifest, render

PEERS = [{"podSelector": {"matchLabels": {"changed": "yes"}}}]
WAYS: dict[str, Manifest] = {
    "bundled": {
        "existingSecret": "given",
        "httpRoute": {"enabled": True, "parentRefs": [{"name": "door"}]},
        "ingress": {"enabled": True, "hosts": ["a.example.com"]},
        "metrics": {part: {"enabled": True} for part in ("serviceMonitor", "podMonitor", "rules", "dashboards")},
        "tracing": {"endpoint": "http://collector:4318"},
        "loadtest": {"enabled": True, "metrics": {"enabled": True}},
        "redis": {"external": {"existingSecret": "stores"}},
    },
    "external": {
        "existingSecret": "given",
        "postgres": {"mode": "external", "external": {"existingSecret": "stores"}},
        "redis": {"mode": "external", "external": {"existingSecret": "stores"}},
        "autoscaling": {"enabled": True},
        "serviceAccount": {"create": False},
    },
    "addresses": {
        "existingSecret": "given",
        "postgres": {"mode": "external", "external": {"url": "postgresql://a/b"}},
        "redis": {"mode": "external", "external": {"url": "redis://a"}},
        "ingress": {"enabled": True, "hosts": ["a.example.com"]},
    },
    "specific": {
        "secretKeys": {"existingSecret": "one"},
        "admin": {"existingSecret": "two"},
        "postgres": {"bundled": {"existingSecret": "three"}},
        "redis": {"bundled": {"existingSecret": "four"}},
    },
    "cloudnative-pg": {
        "existingSecret": "given",
        "postgres": {"mode": "cloudnative-pg", "cloudnativePg": {"backup": {"enabled": True}}},
    },
}
# What a value becomes where its kind alone does not say.
BECOMES: dict[str, Any] = {
    "image.pullPolicy": "Always",
    "postgres.bundled.image.pullPolicy": "Always",
    "redis.bundled.image.pullPolicy": "Always",
    "postgres.mode": "cloudnative-pg",
    "redis.mode": "external",
    "autoscaling.maxReplicas": 4,
    "tracing.ratio": 0.7,
    "migrations.mode": "initContainer",
    "service.type": "NodePort",
    "settings": {"access_ttl": "1min"},
    "postgres.bundled.storage.size": "9Gi",
    "extraObjects": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "more"}}],
    "ingress.hosts": ["changed.example.com"],
    "httpRoute.hostnames": ["changed.example.com"],
    **{
        f"networkPolicy.{name}": PEERS
        for name in ("allowedClients", "allowedScrapers", "dns", "externalPostgres", "externalRedis", "collector")
    },
    "networkPolicy.dnsPorts": [5300],
    "metrics.rules.disabled": ["SignetSpansDropped"],
    "podDisruptionBudget.maxUnavailable": "50%",
    "strategy.maxUnavailable": 1,
    "strategy.maxSurge": 2,
}
# Numbers that the chart only counts with; tests of refusals show what they do.
COUNTED = {"postgres.reservedConnections"}


def leaves(values: Manifest, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        here = f"{path}.{name}".lstrip(".")
        if isinstance(value, dict) and value and here != "autoscaling.behavior" and not here.endswith("resources"):
            yield from leaves(value, here)
        else:
            yield here, value


def others(path: str, value: Any) -> list[Any]:
    """What the value might be instead; a switch is tried both ways, for some ways of the chart have turned it."""
    if path in BECOMES:
        return [BECOMES[path]]
    if isinstance(value, bool):
        return [True, False]
    if isinstance(value, int):
        return [value + 1]
    if isinstance(value, str):
        return ["changed"]
    return [[{"name": "changed"}] if isinstance(value, list) else {"changed": "yes"}]


def with_change(values: Manifest, path: str, value: Any) -> Manifest:
    changed_values = deepcopy(values)
    inner = changed_values
    *way, last = path.split(".")
    for name in way:
        inner = inner.setdefault(name, {})
    inner[last] = value
    return changed_values


DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rendered() -> dict[str, dict[str, str]]:
    return {way: render(values) for way, values in WAYS.items()}


@pytest.mark.parametrize(("path", "value"), [leaf for leaf in leaves(DEFAULTS) if leaf[0] not in COUNTED])
def test_each_value_changes_what_is_rendered(rendered: dict[str, dict[str, str]], path: str, value: Any) -> None:
    assert any(
        has_effect(rendered[way], with_change(WAYS[way], path, other)) for way in WAYS for other in others(path, value)
    )


def has_effect(before: dict[str, str], values: Manifest) -> bool:
    try:
        return render(values) != before
    except helm_python.HelmError:
        # Other values would have to change with it; another way shows what it does.
        return False
