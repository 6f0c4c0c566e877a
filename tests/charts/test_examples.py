"""Each example renders to what Kubernetes takes, asks for nothing forbidden, and is the same each time."""

import base64
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate.utils as kubernetes
import pytest
import yaml

from tests.kit.definitions import faults, is_defined
from tests.kit.programs import ROOT
from tests.kit.rendering import CHART, EXAMPLES, Manifest, Pod, example, manifests, one, pods, render, with_secrets

VERSIONS = ["1.30", "1.33", "1.36"]
LONGEST_NAME = 63
# A release's name may have 53 characters.
LONGEST_RELEASE = "a-release-whose-name-is-as-long-as-helm-lets-it-be-53"

each_example = pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem.removesuffix("-values"))


def values_of(file: Path) -> Manifest:
    found: Manifest = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


@each_example
def test_helm_finds_no_fault(file: Path) -> None:
    found = helm_python.lint(CHART, values_of(file), strict=True)

    assert (found["messages"], found["errors"]) == ([], [])


def test_the_chart_carries_its_icon() -> None:
    about = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    kind, _, content = about["icon"].partition(",")

    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(content) == (ROOT / "docs/images/icon.svg").read_bytes()


@each_example
@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_every_object(file: Path, version: str) -> None:
    for item in manifests(values_of(file)):
        if not is_defined(item):
            kubernetes.validate(item, version, strict=True)


def test_the_validator_refuses_what_is_misspelt() -> None:
    item = next(item for item in manifests(with_secrets()) if item["kind"] == "Deployment")
    item["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}

    with pytest.raises(kubernetes.ValidationError):
        kubernetes.validate(item, VERSIONS[0], strict=True)


@each_example
def test_operators_take_every_object_of_theirs(file: Path) -> None:
    found = [item for item in manifests(values_of(file)) if is_defined(item)]

    assert {item["metadata"]["name"]: faults(item) for item in found if faults(item)} == {}


def test_the_examples_make_objects_of_every_operator_the_chart_knows() -> None:
    found = {item["kind"] for file in EXAMPLES for item in manifests(values_of(file)) if is_defined(item)}

    assert found == {
        "HTTPRoute",
        "ServiceMonitor",
        "PodMonitor",
        "PrometheusRule",
        "Cluster",
        "Pooler",
        "ScheduledBackup",
    }


@pytest.mark.parametrize("file", sorted(ROOT.glob("k8s/examples/*.yaml")), ids=lambda file: file.stem)
def test_operators_take_the_examples_beside_the_chart(file: Path) -> None:
    for item in yaml.safe_load_all(file.read_text(encoding="utf-8")):
        assert is_defined(item)
        assert faults(item) == []


def test_a_definition_refuses_what_is_misspelt_or_of_another_kind() -> None:
    pooler = one(manifests(example("cloudnative-pg")), "Pooler", "signet-postgres-pooler")
    pooler["spec"]["pgbouncer"]["poolmode"] = "transaction"
    pooler["spec"]["instances"] = "two"

    assert [text.partition(":")[0] for text in faults(pooler)] == ["spec.instances", "spec.pgbouncer"]


@each_example
def test_two_renderings_are_equal(file: Path) -> None:
    assert render(values_of(file)) == render(values_of(file))


@each_example
def test_every_pod_is_restricted(file: Path) -> None:
    faults = {pod.name: faults_of(pod) for pod in pods(manifests(values_of(file)))}

    assert len(faults) >= 2
    assert {name: found for name, found in faults.items() if found} == {}


@pytest.mark.parametrize(
    "field", ["allowPrivilegeEscalation", "readOnlyRootFilesystem", "capabilities", "resources", "image"]
)
def test_the_checker_sees_what_a_container_lacks(field: str) -> None:
    pod = next(pods(manifests(with_secrets())))
    container = pod.spec["containers"][0]
    container.pop(field, None)
    container["securityContext"].pop(field, None)

    assert faults_of(pod) != []


def faults_of(pod: Pod) -> list[str]:
    """What Pod Security `restricted` would refuse, and what we refuse beyond it."""
    wrong = [
        text
        for text, holds in {
            "takes a token": pod.spec.get("automountServiceAccountToken") is False,
            "takes service links": pod.spec.get("enableServiceLinks") is False,
            "shares the node": not any(pod.spec.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")),
            "mounts what is forbidden": all(is_allowed(volume) for volume in pod.spec.get("volumes", [])),
            "may be root": runs_as_somebody(pod.spec["securityContext"]),
            "has no seccomp profile": pod.spec["securityContext"].get("seccompProfile") == {"type": "RuntimeDefault"},
        }.items()
        if not holds
    ]
    return wrong + [f"{item['name']}: {text}" for item in pod.containers for text in container_faults(item)]


def container_faults(container: dict[str, Any]) -> list[str]:
    security, resources = container.get("securityContext", {}), container.get("resources", {})
    return [
        text
        for text, holds in {
            "may gain privileges": security.get("allowPrivilegeEscalation") is False,
            "may write its root": security.get("readOnlyRootFilesystem") is True,
            "keeps capabilities": security.get("capabilities") == {"drop": ["ALL"]},
            "takes a port of the node": not any("hostPort" in port for port in container.get("ports", [])),
            "requests nothing": set(resources.get("requests", {})) == {"cpu", "memory"},
            "has no memory limit": "memory" in resources.get("limits", {}),
            "has a CPU limit": "cpu" not in resources.get("limits", {}),
            "has no image of a version": is_of_a_version(container.get("image", "")),
        }.items()
        if not holds
    ]


def runs_as_somebody(security: Manifest) -> bool:
    return security.get("runAsNonRoot") is True and security.get("runAsUser", 0) > 0


def is_allowed(volume: Manifest) -> bool:
    return bool(set(volume) & {"configMap", "emptyDir", "projected", "secret", "persistentVolumeClaim"})


def is_of_a_version(image: str) -> bool:
    return "@sha256:" in image or (":" in image and not image.endswith(":latest"))


@each_example
def test_names_stay_short_enough(file: Path) -> None:
    found = manifests({**values_of(file), "extraObjects": []}, LONGEST_RELEASE)

    assert len(LONGEST_RELEASE) == 53
    # Pods of a StatefulSet carry its name and a hash in a label.
    longest = {item["metadata"]["name"]: 11 if item["kind"] == "StatefulSet" else 0 for item in found}
    assert [name for name, more in longest.items() if len(name) + more > LONGEST_NAME] == []
    labels = [str(text) for item in found for text in item["metadata"].get("labels", {}).values()]
    assert [text for text in labels if len(text) > LONGEST_NAME] == []


@each_example
def test_two_releases_in_one_namespace_do_not_meet(file: Path) -> None:
    first, second = (manifests(values_of(file), name) for name in ("blue", "green"))

    def names(found: list[Manifest]) -> set[tuple[str, str]]:
        return {(item["kind"], item["metadata"]["name"]) for item in found}

    assert names(first) & names(second) == set()
    picked = [labels for item in first for labels in selectors(item)]
    others = [pod.metadata["labels"] for pod in pods(second)]
    assert [labels for labels in picked for other in others if labels.items() <= other.items()] == []


def selectors(item: Manifest) -> list[Manifest]:
    spec = item.get("spec", {})
    if item["kind"] == "Service":
        return [spec["selector"]]
    if item["kind"] == "NetworkPolicy":
        return [spec["podSelector"]["matchLabels"]]
    found = spec.get("selector", {})
    return [found["matchLabels"]] if isinstance(found, dict) and "matchLabels" in found else []


@each_example
def test_every_object_says_to_what_it_belongs(file: Path) -> None:
    for item in manifests({**values_of(file), "extraObjects": []}):
        labels = item["metadata"]["labels"]
        assert labels["app.kubernetes.io/instance"] == "signet"
        assert labels["app.kubernetes.io/part-of"] == "signet"
