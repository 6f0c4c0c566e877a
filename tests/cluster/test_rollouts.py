"""Upgrades, rollbacks, restarts, deleted pods and scaling under load: none fails a request, nothing is lost."""

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from tests.kit.cluster import Cluster, namespace
from tests.kit.rendering import Manifest
from tests.kit.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

PEOPLE = 8
# Limits are another test's matter; the grace is short so that a rollout is.
QUICK = (
    "--set-string", "settings.limits=off",
    "--set", "settings.limits_off_is_intended=true",
    "--set", "settings.shutdown_timeout=5s",
)  # fmt: skip


@pytest.fixture(scope="module")
def busy() -> Iterator[Cluster]:
    """A release of its own."""
    with namespace(f"signet-busy-{secrets.token_hex(3)}") as own:
        own.install("signet", *QUICK)
        yield own


@pytest.fixture
def crowd(busy: Cluster) -> Iterator[Cluster]:
    """People who go on during the test; afterwards none of them has seen a failure."""
    script = Path(__file__).with_name("crowd.py").read_text(encoding="utf-8")
    password = busy.secret("signet", "admin-password")
    env = [{"name": "ADMIN_PASSWORD", "value": password}]
    busy.start("crowd", ["python", "-c", script, "signet", str(PEOPLE)], env=env)
    before = pods_of(busy)
    yield busy
    report = leave(busy)
    print(f"{report['requests']} requests, {len(report['created'])} users created, {len(report['failed'])} failed")
    assert report["failed"] == []
    assert report["requests"] > 20 * PEOPLE
    assert pods_of(busy) != before, "nothing happened to any pod"
    assert kept(busy) >= set(report["created"])
    assert report["created"]


def leave(cluster: Cluster) -> Manifest:
    """Let the crowd go home; what they say."""
    cluster.kubectl("exec", "crowd", "--", "touch", "/tmp/stop")
    cluster.kubectl("wait", "pod/crowd", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    last = cluster.kubectl("logs", "crowd", "--tail=1")
    cluster.kubectl("delete", "pod", "crowd")
    report: Manifest = json.loads(last)
    return report


def pods_of(cluster: Cluster) -> set[str]:
    return {pod["metadata"]["uid"] for pod in cluster.pods("server")}


def kept(cluster: Cluster) -> set[str]:
    words = (
        "exec",
        "signet-postgres-0",
        "--",
        "psql",
        "-U",
        "postgres",
        "-d",
        "signet",
        "-Atc",
        "SELECT id FROM users",
    )
    return set(cluster.kubectl(*words).split())


def rolled_out(cluster: Cluster) -> None:
    cluster.kubectl("rollout", "status", "deployment/signet", "--timeout=5m", seconds=320)


def test_an_upgrade_and_a_rollback_fail_no_request(crowd: Cluster) -> None:
    image = os.environ.get("SIGNET_TEST_NEXT_IMAGE", "")
    if not image:
        print("SIGNET_TEST_NEXT_IMAGE names no other image: only a setting changes")

    crowd.install("signet", *QUICK, "--set", "settings.access_ttl=9min", verb="upgrade", image=image)
    rolled_out(crowd)
    crowd.helm("rollback", "signet", "--wait", "--timeout", "5m")
    rolled_out(crowd)


def test_a_restart_fails_no_request(crowd: Cluster) -> None:
    crowd.kubectl("rollout", "restart", "deployment/signet")
    rolled_out(crowd)


def test_pods_deleted_one_by_one_fail_no_request(crowd: Cluster) -> None:
    for pod in crowd.pods("server"):
        crowd.kubectl("delete", "pod", pod["metadata"]["name"])
        until(lambda: available(crowd) == 2, monotonic() + 120)


def test_scaling_to_one_and_to_four_and_back_fails_no_request(crowd: Cluster) -> None:
    for replicas in (1, 4, 1, 2):
        crowd.kubectl("scale", "deployment/signet", f"--replicas={replicas}")
        rolled_out(crowd)
        until(lambda wanted=replicas: available(crowd) == wanted, monotonic() + 120)  # type: ignore[misc]


def available(cluster: Cluster) -> int:
    status = next(item for item in cluster.get("deployments") if item["metadata"]["name"] == "signet")["status"]
    return int(status.get("availableReplicas", 0))
