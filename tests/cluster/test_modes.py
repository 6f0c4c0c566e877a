"""The chart's other ways: every example before a real API server; hooks, init containers and stores of one's own."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
import yaml

from tests.kit.cluster import Cluster, namespace
from tests.kit.rendering import EXAMPLES, manifests
from tests.kit.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

# Objects of operators are taken where their definitions are installed, and left out elsewhere.
KUBERNETES = {"v1", "apps/v1", "batch/v1", "policy/v1", "autoscaling/v2", "networking.k8s.io/v1"}
QUICK = ("--set", "settings.shutdown_timeout=5s", "--set", "replicaCount=1")
EXTERNAL = (
    *QUICK,
    "--set", "postgres.mode=external",
    "--set", "postgres.external.existingSecret=addresses",
    "--set", "redis.mode=external",
    "--set", "redis.external.existingSecret=addresses",
)  # fmt: skip

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
def others() -> Iterator[Cluster]:
    """A namespace with stores that no release on trial has made, and a Secret with their addresses."""
    with namespace(f"signet-modes-{secrets.token_hex(3)}") as own:
        own.install("stores", *QUICK, "--set", "networkPolicy.enabled=false")
        made = {key: own.secret("stores-signet", f"{key}-password") for key in ("postgres", "redis")}
        own.kubectl(
            "create", "secret", "generic", "addresses",
            f"--from-literal=database-url=postgresql://signet:{made['postgres']}@stores-signet-postgres/signet",
            f"--from-literal=redis-url=redis://signet:{made['redis']}@stores-signet-redis:6379/0",
            f"--from-literal=secret-keys={own.secret('stores-signet', 'secret-keys')}",
            f"--from-literal=admin-password={own.secret('stores-signet', 'admin-password')}",
        )  # fmt: skip
        yield own


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem.removesuffix("-values"))
def test_the_api_server_takes_every_example(others: Cluster, file: Path) -> None:
    found = manifests(yaml.safe_load(file.read_text(encoding="utf-8")))
    core = [item for item in found if item["apiVersion"] in KUBERNETES]
    for item in core:
        item["metadata"]["namespace"] = others.namespace

    said = others.attempt(
        "kubectl", "apply", "--dry-run=server", "--filename", "-",
        given=json.dumps({"apiVersion": "v1", "kind": "List", "items": core}),
    )  # fmt: skip

    assert said.returncode == 0, said.stderr
    # Pod Security speaks of pods that Deployments and Jobs would make as a warning.
    assert "would violate PodSecurity" not in said.stderr


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
