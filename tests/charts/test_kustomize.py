"""The manifests in k8s/ are whole: what they name is there, kustomize builds them, and the namespace is restricted."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import kubernetes_validate.utils as kubernetes
import pytest
import yaml

from tests.kit.programs import ROOT
from tests.kit.rendering import Manifest, pods

K8S = ROOT / "k8s"
OLDEST_KUBECTL = 21
KUSTOMIZATIONS = sorted(K8S.rglob("kustomization.yaml"))


def read(file: Path) -> list[Manifest]:
    return [found for found in yaml.load_all(file.read_text(encoding="utf-8"), yaml.CSafeLoader) if found]


BASE = [item for name in ("namespace", "signet") for item in read(K8S / f"base/{name}.yaml")]


@pytest.mark.parametrize("file", KUSTOMIZATIONS, ids=lambda file: file.parent.name)
def test_what_a_kustomization_names_is_there(file: Path) -> None:
    (kustomization,) = read(file)

    assert [name for name in kustomization["resources"] if not (file.parent / name).exists()] == []
    for patch in kustomization.get("patches", []):
        targets = [item for item in BASE if is_target(item, patch["target"])]
        assert len(targets) == 1, patch["target"]
        for step in yaml.safe_load(patch["patch"]):
            path = step["path"].rpartition("/")[0] if step["op"] == "add" else step["path"]
            assert holds(targets[0], path), path
    images = {container["image"].rsplit(":", 1)[0] for pod in pods(BASE) for container in pod.containers}
    assert {item["name"] for item in kustomization.get("images", [])} <= images


def is_target(item: Manifest, target: Manifest) -> bool:
    return bool(item["kind"] == target["kind"] and item["metadata"]["name"] == target["name"])


def holds(item: Any, path: str) -> bool:
    for name in path.strip("/").split("/"):
        if name not in item:
            return False
        item = item[name]
    return True


@pytest.mark.parametrize("file", KUSTOMIZATIONS, ids=lambda file: file.parent.name)
def test_kustomize_builds_what_kubernetes_takes(file: Path) -> None:
    skip_without_kustomize()
    built = subprocess.run(["kubectl", "kustomize", str(file.parent)], capture_output=True, text=True, check=True)

    for item in yaml.load_all(built.stdout, yaml.CSafeLoader):
        kubernetes.validate(item, "1.33", strict=True)
        assert item["kind"] == "Namespace" or item["metadata"]["namespace"] == "signet"


def skip_without_kustomize() -> None:
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed, and kustomize is a part of it")
    said = subprocess.run(
        ["kubectl", "version", "--client", "--output=json"], capture_output=True, text=True, check=True
    )
    if int(json.loads(said.stdout)["clientVersion"]["minor"].rstrip("+")) < OLDEST_KUBECTL:
        pytest.skip(f"this kubectl is older than 1.{OLDEST_KUBECTL}, and its kustomize knows no patches by target")


def test_the_namespace_enforces_what_every_pod_keeps() -> None:
    (namespace,) = read(K8S / "base/namespace.yaml")

    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_no_secret_lies_in_the_manifests() -> None:
    assert [item["metadata"]["name"] for item in BASE if item["kind"] == "Secret"] == []


@pytest.mark.parametrize("file", sorted(K8S.glob("examples/*.yaml")), ids=lambda file: file.stem)
def test_each_example_is_an_object_of_its_own(file: Path) -> None:
    for item in read(file):
        assert {"apiVersion", "kind", "metadata", "spec"} <= set(item)
        assert file.read_text(encoding="utf-8").startswith("# "), "it says in its first line what it is for"
