"""Who may talk to whom: each flow the product needs works, and what nobody needs is refused."""

from collections.abc import Iterator
from time import monotonic

import pytest

from tests.cluster.conftest import Release
from tests.kit.cluster import Cluster
from tests.kit.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

LISTEN = "import http.server; http.server.HTTPServer(('', 8080), http.server.SimpleHTTPRequestHandler).serve_forever()"
# One that is on every cluster, and one that is on none.
API_SERVER, INTERNET = ("kubernetes.default.svc", 443), ("1.1.1.1", 443)
DENY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: sealed}
spec:
  podSelector: {matchLabels: {app: sealed}}
  policyTypes: [Ingress, Egress]
"""


@pytest.fixture(scope="module")
def strangers(release: Release) -> Iterator[Cluster]:
    """Pods that are no part of the release; one claims to be a server of another release."""
    cluster = release.cluster
    command = ["python", "-c", LISTEN]
    cluster.start("stranger", command)
    cluster.start(
        "impostor",
        command,
        {
            "app.kubernetes.io/name": "signet",
            "app.kubernetes.io/instance": "other",
            "app.kubernetes.io/component": "server",
        },
    )
    cluster.kubectl("apply", "--filename", "-", given=DENY)
    cluster.start("sealed", command)
    until(lambda: cluster.reaches("stranger", "signet", 80), monotonic() + 30)
    if cluster.reaches("sealed", address(cluster, "stranger"), 8080):
        pytest.skip("this cluster enforces no network policies, so nothing can be learnt about them here")
    yield cluster
    cluster.kubectl("delete", "pod", "stranger", "impostor", "sealed", "--wait=false")
    cluster.kubectl("delete", "networkpolicy", "sealed")


def address(cluster: Cluster, pod: str) -> str:
    return cluster.kubectl("get", "pod", pod, "--output", "jsonpath={.status.podIP}")


def server(cluster: Cluster) -> str:
    return str(cluster.pods("server")[0]["metadata"]["name"])


def test_every_flow_that_the_product_needs_works(strangers: Cluster) -> None:
    pod = server(strangers)

    assert strangers.reaches("stranger", "signet", 80)
    assert strangers.reaches(pod, "signet-postgres", 5432)
    assert strangers.reaches(pod, "signet-redis", 6379)


def test_strangers_reach_the_api_alone(strangers: Cluster) -> None:
    behind = address(strangers, server(strangers))
    assert strangers.reaches("stranger", behind, 8000)

    refused = {
        "management": (behind, 9000),
        "postgres": ("signet-postgres", 5432),
        "postgres by address": (address(strangers, "signet-postgres-0"), 5432),
        "redis": ("signet-redis", 6379),
        "redis by address": (address(strangers, "signet-redis-0"), 6379),
    }
    for who in ("stranger", "impostor"):
        assert {name for name, target in refused.items() if strangers.reaches(who, *target)} == set()


def test_the_service_reaches_its_stores_alone(strangers: Cluster) -> None:
    stranger = address(strangers, "stranger")
    assert strangers.reaches("impostor", stranger, 8080)

    refused = {"stranger": (stranger, 8080), "api server": API_SERVER, "internet": INTERNET}
    assert {name for name, target in refused.items() if strangers.reaches(server(strangers), *target)} == set()


@pytest.mark.parametrize(
    ("store", "others"),
    [("signet-postgres-0", [("signet-redis-0", 6379)]), ("signet-redis-0", [("signet-postgres-0", 5432)])],
)
def test_stores_reach_nobody(strangers: Cluster, store: str, others: list[tuple[str, int]]) -> None:
    pods = [*others, (server(strangers), 8000), (server(strangers), 9000), ("stranger", 8080)]
    targets = {f"{pod}:{port}": (address(strangers, pod), port) for pod, port in pods} | {"internet": INTERNET}

    # The tool can open connections: it reaches the store it stands in.
    assert strangers.store_reaches(store, "127.0.0.1", 5432 if "postgres" in store else 6379)
    assert {name for name, target in targets.items() if strangers.store_reaches(store, *target)} == set()
