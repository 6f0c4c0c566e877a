"""The chart's other ways: every example before a real API server; hooks, init containers and stores of one's own."""

import json
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
import yaml

from tests.cluster.conftest import EXTERNAL
from tests.kit.cluster import Cluster
from tests.kit.definitions import DEFINITIONS
from tests.kit.programs import ROOT
from tests.kit.rendering import EXAMPLES, Manifest, example, manifests, one
from tests.kit.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

BESIDE = sorted((ROOT / "k8s/examples").glob("*.yaml"))
SCALED = (
    "--set", "settings.workers=2",
    "--set", "settings.database_pool=5",
    "--set", "settings.public_url=http://id.example.com",
    "--set", "settings.trusted_hosts={id.example.com}",
    "--set", "autoscaling.enabled=true",
    "--set", "autoscaling.minReplicas=1",
    "--set", "autoscaling.maxReplicas=2",
)  # fmt: skip


@pytest.fixture(scope="module")
def definitions(others: Cluster) -> Iterator[None]:
    """What operators define, where the cluster does not have it already; the operators themselves need not be there."""
    there = set(others.kubectl("get", "customresourcedefinitions", "--output", "name").split())
    wanted = {file: f"customresourcedefinition.apiextensions.k8s.io/{crd_name(file)}" for file in DEFINITIONS}
    brought = {file: name for file, name in wanted.items() if name not in there}
    for file in brought:
        others.kubectl("create", "--filename", str(file))
    others.kubectl("wait", *wanted.values(), "--for=condition=Established", "--timeout=60s")
    yield
    if brought:
        others.kubectl("delete", *brought.values())


def crd_name(file: Path) -> str:
    return str(json.loads(file.read_text(encoding="utf-8"))["metadata"]["name"])


def dry_run(cluster: Cluster, items: list[Manifest]) -> None:
    """Have the API server judge objects as if they came into our namespace: schemas, CEL rules, Pod Security."""
    for item in items:
        item["metadata"]["namespace"] = cluster.namespace
    said = cluster.attempt(
        "kubectl", "apply", "--dry-run=server", "--validate=strict", "--filename", "-",
        given=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}),
    )  # fmt: skip

    assert said.returncode == 0, said.stderr
    assert len(said.stdout.splitlines()) == len(items)
    # Pod Security speaks of pods that Deployments and Jobs would make as a warning.
    assert "would violate PodSecurity" not in said.stderr


@pytest.mark.usefixtures("definitions")
@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem.removesuffix("-values"))
def test_the_api_server_takes_every_example(others: Cluster, file: Path) -> None:
    dry_run(others, manifests(yaml.safe_load(file.read_text(encoding="utf-8"))))


@pytest.mark.usefixtures("definitions")
@pytest.mark.parametrize("file", BESIDE, ids=lambda file: file.stem)
def test_the_api_server_takes_the_examples_beside_the_chart(others: Cluster, file: Path) -> None:
    dry_run(others, list(yaml.safe_load_all(file.read_text(encoding="utf-8"))))


@pytest.mark.usefixtures("definitions")
def test_the_api_server_refuses_what_a_definition_forbids(others: Cluster) -> None:
    found = manifests(example("gateway"))
    one(found, "HTTPRoute")["spec"]["rules"][0]["backendRefs"][0]["prt"] = 80

    with pytest.raises(AssertionError, match="unknown field"):
        dry_run(others, found)


@pytest.mark.parametrize("mode", ["hook", "initContainer"])
def test_stores_of_ones_own_are_migrated_and_used(others: Cluster, mode: str) -> None:
    name = f"with-{mode.lower()}"

    seconds = others.install(name, *EXTERNAL, "--set", f"migrations.mode={mode}", "--set", "existingSecret=addresses")

    print(f"{mode}: ready after {seconds:.0f} s")
    assert "all is well" in others.helm("test", name, "--logs")
    assert f"{name}-signet-migrate" not in {item["metadata"]["name"] for item in others.get("secrets,configmaps")}
    others.helm("uninstall", name, "--wait")


def test_two_workers_an_autoscaler_and_a_name_of_ones_own_work(others: Cluster) -> None:
    others.install("scaled", *EXTERNAL, *SCALED, "--set", "existingSecret=addresses")

    assert "all is well" in others.helm("test", "scaled", "--logs")
    until(lambda: bool(others.get("hpa")[0]["status"].get("currentMetrics")), monotonic() + 90)
    others.helm("uninstall", "scaled", "--wait")
