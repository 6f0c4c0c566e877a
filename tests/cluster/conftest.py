"""One release with default values, on which most is tried; each run has a namespace of its own."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.kit.cluster import Cluster, namespace


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
