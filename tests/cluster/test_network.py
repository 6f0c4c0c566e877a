"""Who may talk to whom: each flow the product needs works, and what nobody needs is refused."""

import json
from collections.abc import Iterator
from time import monotonic

import pytest

from tests.cluster.conftest import EXTERNAL, Release
from tests.kit.cluster import Cluster
from tests.kit.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

LISTEN = """
import http.server, sys
http.server.HTTPServer(("", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
Target = tuple[str, int]
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
    command = ["python", "-c", LISTEN, "8080"]
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


@pytest.fixture(scope="module")
def outside(strangers: Cluster) -> dict[str, Target]:
    """What a pod without policies reaches beyond its namespace; failing to reach anything else would prove nothing."""
    node = strangers.get("nodes")[0]["status"]["addresses"][0]["address"]
    api = strangers.get("service", "--namespace=default", "--selector=component=apiserver")[0]["spec"]["clusterIP"]
    candidates = {
        "api server": (api, 443),
        "kubelet": (node, 10250),
        "internet": ("1.1.1.1", 443),
    }
    found = {name: target for name, target in candidates.items() if strangers.reaches("stranger", *target)}
    print(
        f"outside: {sorted(found)}; of no use here, since nobody reaches them: {sorted(set(candidates) - set(found))}"
    )
    assert found
    return found


def address(cluster: Cluster, pod: str) -> str:
    return cluster.kubectl("get", "pod", pod, "--output", "jsonpath={.status.podIP}")


def server(cluster: Cluster, release: str = "signet") -> str:
    return str(cluster.pods("server", release)[0]["metadata"]["name"])


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


def test_the_service_reaches_its_stores_alone(strangers: Cluster, outside: dict[str, Target]) -> None:
    stranger = address(strangers, "stranger")
    assert strangers.reaches("impostor", stranger, 8080)

    refused = {"stranger": (stranger, 8080), **outside}
    assert {name for name, target in refused.items() if strangers.reaches(server(strangers), *target)} == set()


@pytest.mark.parametrize(
    ("store", "beside"),
    [("signet-postgres-0", [("signet-redis-0", 6379)]), ("signet-redis-0", [("signet-postgres-0", 5432)])],
)
def test_stores_reach_nobody(strangers: Cluster, outside: dict[str, Target], store: str, beside: list[Target]) -> None:
    pods = [*beside, (server(strangers), 8000), (server(strangers), 9000), ("stranger", 8080)]
    targets = {f"{pod}:{port}": (address(strangers, pod), port) for pod, port in pods} | outside

    # The tool can open connections: it reaches the store it stands in.
    assert strangers.store_reaches(store, "127.0.0.1", 5432 if "postgres" in store else 6379)
    assert {name for name, target in targets.items() if strangers.store_reaches(store, *target)} == set()


def test_whom_the_values_name_is_let_through_and_nobody_else(others: Cluster) -> None:
    """Clients, scrapers and a collector, each a pod of that label; the stores' own release has no policies."""
    peers = {"allowedClients": "client", "allowedScrapers": "scraper", "collector": "collector"}
    named = {name: [{"podSelector": {"matchLabels": {"app": app}}}] for name, app in peers.items()}
    chosen = [f"--set-json=networkPolicy.{name}={json.dumps(peer)}" for name, peer in named.items()]
    for name in ("client", "scraper", "collector", "stranger"):
        others.start(name, ["python", "-c", LISTEN, "4318"])
    others.install(
        "watched", *EXTERNAL, "--set", "existingSecret=addresses", "--set", "tracing.endpoint=http://collector:4318",
        *chosen,
    )  # fmt: skip
    pod = server(others, "watched")
    where = {name: address(others, name) for name in ("collector", "stranger", pod)}

    callers = ("client", "scraper", "stranger")
    seen = {(caller, port) for caller in callers for port in (8000, 9000) if others.reaches(caller, where[pod], port)}
    called = {name for name in ("collector", "stranger") if others.reaches(pod, where[name], 4318)}

    assert seen == {("client", 8000), ("scraper", 9000)}
    assert called == {"collector"}
    assert others.reaches("client", where["stranger"], 4318)
    assert "all is well" in others.helm("test", "watched", "--logs")
    others.helm("uninstall", "watched", "--wait")
    others.kubectl("delete", "pod", *callers, "collector", "--wait=false")
