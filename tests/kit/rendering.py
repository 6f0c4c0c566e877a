"""The chart as Helm renders it, without a cluster: objects by kind and name, pods wherever they stand."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import helm_python
import yaml

from tests.kit.programs import ROOT

CHART = ROOT / "charts/signet"
EXAMPLES = sorted((CHART / "ci").glob("*-values.yaml"))
Manifest = dict[str, Any]
POD_KINDS = {"Deployment", "StatefulSet", "Job"}


@dataclass(frozen=True)
class Pod:
    """What one object would start."""

    name: str
    metadata: Manifest
    spec: Manifest

    @property
    def containers(self) -> list[Manifest]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]


def render(values: Manifest, name: str = "signet", namespace: str = "identity") -> dict[str, str]:
    """Every template's text; what Helm refuses is a HelmError."""
    with helm_python.Chart.load(CHART) as chart:
        return dict(chart.render(values, name=name, namespace=namespace))


def manifests(values: Manifest, name: str = "signet") -> list[Manifest]:
    texts = [text for path, text in sorted(render(values, name).items()) if path.endswith(".yaml")]
    return [found for text in texts for found in yaml.load_all(text, yaml.CSafeLoader) if found]


def with_secrets(values: Manifest | None = None) -> Manifest:
    """Let the secrets be there, so that rendering needs no cluster."""
    return {"existingSecret": "signet-secrets", **(values or {})}


def example(name: str) -> Manifest:
    found: Manifest = yaml.safe_load((CHART / f"ci/{name}-values.yaml").read_text(encoding="utf-8"))
    return found


def one(found: list[Manifest], kind: str, name: str = "signet") -> Manifest:
    matching = [item for item in found if item["kind"] == kind and item["metadata"]["name"] == name]
    assert len(matching) == 1, f"{len(matching)} of {kind} {name}"
    return matching[0]


def pods(found: list[Manifest]) -> Iterator[Pod]:
    for item in found:
        name = f"{item['kind']} {item['metadata']['name']}"
        if item["kind"] == "Pod":
            yield Pod(name, item["metadata"], item["spec"])
        elif item["kind"] in POD_KINDS:
            yield Pod(name, item["spec"]["template"]["metadata"], item["spec"]["template"]["spec"])


def server(values: Manifest | None = None) -> tuple[Manifest, Manifest]:
    """The service's pod and its container."""
    deployment = one(manifests(with_secrets(values)), "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    return pod, pod["containers"][0]


def config(values: Manifest | None = None) -> Manifest:
    data: Manifest = one(manifests(with_secrets(values)), "ConfigMap")["data"]
    return data
