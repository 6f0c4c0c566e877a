"""Upgrades, rollbacks, restarts, deleted pods and scaling under load: none fails a request, nothing is lost."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

import pytest

from service.storage import schema
from tests.cluster.conftest import SHORT
from tests.kit.cluster import Cluster, namespace
from tests.kit.programs import ROOT
from tests.kit.rendering import Manifest
from tests.kit.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

PEOPLE = 8
# Limits are another test's matter.
QUICK = (*SHORT, "--set-string", "settings.limits=off", "--set", "settings.limits_off_is_intended=true")
# What a later release would bring: one more migration, and a build that needs it. They lie over this image's own files.
LEVEL = schema.NEEDED_LEVEL + 1
HEAD = max(file.stem.split("_")[0] for file in (ROOT / "service/storage/migrations/versions").glob("*.py"))
EXPAND = """
from alembic import op

revision, down_revision, branch_labels, depends_on = "later", "HEAD", None, None


def upgrade():
    op.execute("ALTER TABLE sessions ADD COLUMN place text")
    op.execute("CREATE TABLE places (session_id uuid PRIMARY KEY REFERENCES sessions (id), name text NOT NULL)")
    op.execute("CREATE INDEX ix_users_created_at ON users (created_at)")
    op.execute("UPDATE schema_state SET schema_level = schema_level + 1")
"""
STORAGE = "/app/service/storage"
LATER = {
    "extraVolumes": [{"name": "later", "configMap": {"name": "later"}}, {"name": "bytecode", "emptyDir": {}}],
    "extraVolumeMounts": [
        {"name": "later", "mountPath": f"{STORAGE}/schema.py", "subPath": "schema.py"},
        {"name": "later", "mountPath": f"{STORAGE}/migrations/versions/later.py", "subPath": "later.py"},
        # The image's own bytecode would win over what lies over its sources.
        {"name": "bytecode", "mountPath": f"{STORAGE}/__pycache__"},
    ],
}


@pytest.fixture(scope="module")
def busy() -> Iterator[Cluster]:
    """A release of its own."""
    with namespace(f"signet-busy-{secrets.token_hex(3)}") as own:
        own.install("signet", *QUICK)
        yield own


@pytest.fixture
def crowd(busy: Cluster) -> Iterator[Cluster]:
    """People who go on during the test."""
    with going_on(busy):
        yield busy


@contextmanager
def going_on(cluster: Cluster) -> Iterator[None]:
    """Send people who go on meanwhile; afterwards none of them has seen a failure, and what they made is there."""
    script = Path(__file__).with_name("crowd.py").read_text(encoding="utf-8")
    env = [{"name": "ADMIN_PASSWORD", "value": cluster.secret("signet", "admin-password")}]
    cluster.start("crowd", ["python", "-c", script, "signet", str(PEOPLE)], env=env)
    before = pods_of(cluster)
    yield
    report = leave(cluster)
    print(f"{report['requests']} requests, {len(report['created'])} users created, {len(report['failed'])} failed")
    assert report["failed"] == []
    assert report["requests"] > 20 * PEOPLE
    assert pods_of(cluster) != before, "nothing happened to any pod"
    assert kept(cluster) >= set(report["created"])
    assert report["created"]


def leave(cluster: Cluster) -> Manifest:
    """Let the crowd go home; what they say."""
    cluster.kubectl("exec", "crowd", "--", "touch", "/tmp/stop")
    cluster.kubectl("wait", "pod/crowd", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s")
    # All of it: a long line is kept in pieces, and `--tail` counts those.
    last = cluster.kubectl("logs", "crowd").splitlines()[-1]
    cluster.kubectl("delete", "pod", "crowd")
    report: Manifest = json.loads(last)
    return report


def pods_of(cluster: Cluster) -> set[str]:
    return {pod["metadata"]["uid"] for pod in cluster.pods("server")}


def kept(cluster: Cluster) -> set[str]:
    return set(query(cluster, "SELECT id FROM users").split())


def query(cluster: Cluster, text: str) -> str:
    psql = ("psql", "--username=postgres", "--dbname=signet", "-qAt", "--command", text)
    return cluster.kubectl("exec", "signet-postgres-0", "--", *psql).strip()


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


def test_an_upgrade_from_the_last_release_fails_no_request() -> None:
    chart = os.environ.get("SIGNET_TEST_LAST_CHART")
    if not chart:
        pytest.skip("SIGNET_TEST_LAST_CHART names no chart that was released: a folder, an archive or oci://...")
    with namespace(f"signet-last-{secrets.token_hex(3)}") as own:
        own.helm("install", "signet", chart, *QUICK, "--wait", "--timeout", "5m")
        with going_on(own):
            own.install("signet", *QUICK, verb="upgrade")
            rolled_out(own)
        assert "all is well" in own.helm("test", "signet", "--logs")


def test_a_release_runs_on_the_schema_of_the_next_one(crowd: Cluster, tmp_path: Path) -> None:
    own = (ROOT / "service/storage/schema.py").read_text(encoding="utf-8")
    files = {
        "later.py": EXPAND.replace("HEAD", HEAD),
        "schema.py": own.replace(f"LEVEL = {LEVEL - 1}", f"LEVEL = {LEVEL}"),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    crowd.kubectl("create", "configmap", "later", f"--from-file={tmp_path}")
    (tmp_path / "values.json").write_text(json.dumps(LATER), encoding="utf-8")

    crowd.install("signet", *QUICK, "--values", str(tmp_path / "values.json"), verb="upgrade")
    rolled_out(crowd)
    assert query(crowd, "SELECT schema_level, compatible_from FROM schema_state") == f"{LEVEL}|{LEVEL - 1}"
    crowd.helm("rollback", "signet", "--wait", "--timeout", "5m")
    rolled_out(crowd)

    # It would not, had that schema dropped what this build needs: it says so instead of breaking.
    check = ("exec", "deployment/signet", "--", "python", "-m", "service", "check")
    assert "upgrade it" not in crowd.kubectl(*check)
    query(crowd, "UPDATE schema_state SET compatible_from = schema_level")
    with pytest.raises(AssertionError, match=f"needs builds of level {LEVEL}"):
        crowd.kubectl(*check)
    query(crowd, "UPDATE schema_state SET compatible_from = schema_level - 1")


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
