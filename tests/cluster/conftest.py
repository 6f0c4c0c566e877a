"""One release with default values, on which most is tried, and stores for others; each run has its own namespaces."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.kit.cluster import Cluster, namespace

# The grace is short so that a rollout is; several releases are there at once, and a node may be small.
SHORT = ("--set", "settings.shutdown_timeout=5s", "--set", "resources.requests.cpu=50m")
QUICK = (*SHORT, "--set", "replicaCount=1")
EXTERNAL = (
    *QUICK,
    "--set", "postgres.mode=external",
    "--set", "postgres.external.existingSecret=addresses",
    "--set", "redis.mode=external",
    "--set", "redis.external.existingSecret=addresses",
)  # fmt: skip


@dataclass(frozen=True)
class Release:
    """What `helm install` made, and how long that took."""

    cluster: Cluster
    seconds: float


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with namespace(f"signet-test-{secrets.token_hex(3)}") as own:
        yield own


@pytest.fixture(scope="session")
def release(cluster: Cluster) -> Release:
    """Installed with default values, but for the image."""
    return Release(cluster, cluster.install("signet"))


@pytest.fixture(scope="session")
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
