"""The chart's load test: a Job that waits for the release, succeeds with its gates and fails with them."""

import json
import os
import re
import secrets
from collections.abc import Iterator
from time import monotonic

import pytest

from tests.cluster.conftest import SHORT
from tests.kit.cluster import Cluster, namespace
from tests.kit.rendering import Manifest
from tests.kit.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

# Its gates are counts and shares: they hold on a busy machine, too. It empties Redis, as the release's own user there.
SCENARIO = "cold-cache"
SCRAPERS = [{"podSelector": {"matchLabels": {"app": "scraper"}}}]
READ = """
import sys, urllib.request
print(urllib.request.urlopen("http://" + sys.argv[1] + ":9646/metrics", timeout=3).read().decode())
"""
USERS = re.compile(r"^signet_loadtest_users [1-9]", re.MULTILINE)
# Caches that live for a moment answer less than the scenario is due; it is judged by what it presumes all the same.
FORGETFUL = ("--set", "settings.near_ttl=1s,settings.cache_ttl=1s,loadtest.asConfigured=true")


@pytest.fixture(scope="module")
def loaded() -> Iterator[Cluster]:
    """A namespace of its own, for a release that a load test is installed with."""
    if not os.environ.get("SIGNET_TEST_LOADTESTS_IMAGE"):
        pytest.skip("SIGNET_TEST_LOADTESTS_IMAGE names no image: build one with `make image TARGET=loadtests`")
    with namespace(f"signet-load-{secrets.token_hex(3)}") as own:
        yield own


def install(cluster: Cluster, *words: str, verb: str = "install") -> None:
    repository, _, tag = os.environ["SIGNET_TEST_LOADTESTS_IMAGE"].rpartition(":")
    # As docs/load-testing.md has it, but for one worker on a small node.
    cluster.install(
        "signet", *SHORT,
        "--set", f"loadtest.enabled=true,loadtest.scenario={SCENARIO},loadtest.workers=1",
        "--set", f"loadtest.image.repository={repository},loadtest.image.tag={tag}",
        "--set", "loadtest.resources.requests.cpu=50m",
        "--set", "settings.registration=open",
        "--set", "settings.proxy_header=X-Forwarded-For,settings.trusted_proxies={10.0.0.0/8}",
        "--set", "loadtest.metrics.enabled=true",
        "--set-json", f"networkPolicy.allowedScrapers={json.dumps(SCRAPERS)}",
        *words, verb=verb,
    )  # fmt: skip


def scraped(cluster: Cluster) -> list[str]:
    """Read what the Job tells, from a pod that may, until it has ended: everything that was read."""
    told = []

    def has_ended() -> bool:
        for pod in cluster.pods("loadtest"):
            done = cluster.attempt(
                *("kubectl", "--namespace", cluster.namespace, "exec", "scraper", "--"),
                *("python", "-c", READ, str(pod["status"].get("podIP"))),
            )
            told.extend([done.stdout] if done.returncode == 0 else [])
        return bool(ended(cluster))

    until(has_ended, monotonic() + 360)
    return told


def finished(cluster: Cluster) -> tuple[Manifest, str]:
    """Wait for the one Job there is; how it ended, and what it said."""
    until(lambda: bool(ended(cluster)), monotonic() + 360)
    (job,) = jobs(cluster)
    (pod,) = cluster.pods("loadtest")
    return job, cluster.kubectl("logs", pod["metadata"]["name"])


def jobs(cluster: Cluster) -> list[Manifest]:
    return cluster.get("jobs", "--selector", "app.kubernetes.io/component=loadtest")


def ended(cluster: Cluster) -> set[str]:
    conditions = [condition for job in jobs(cluster) for condition in job["status"].get("conditions", [])]
    return {condition["type"] for condition in conditions if condition["status"] == "True"} & {"Complete", "Failed"}


def test_it_succeeds_with_its_gates_and_the_next_one_fails_with_them(loaded: Cluster) -> None:
    loaded.start("scraper", ["python", "-c", "import time; time.sleep(3600)"])
    install(loaded)
    told = scraped(loaded)
    first, said = finished(loaded)
    print(said)
    assert any(USERS.search(text) for text in told)
    # It stays until the verdict was read, too.
    assert 'signet_loadtest_verdict{verdict="green"} 1.0' in told[-1]
    assert f"{SCENARIO}: green" in said
    assert ended(loaded) == {"Complete"}

    # The upgrade replaces all pods; the run begins when that is over.
    install(loaded, *FORGETFUL, verb="upgrade")
    second, said = finished(loaded)
    print(said)
    assert first["metadata"]["name"] != second["metadata"]["name"]
    assert "FAILED  near share: 0." in said
    assert f"{SCENARIO}: red" in said
    assert ended(loaded) == {"Failed"}
