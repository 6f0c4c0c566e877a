"""The network policies let through what the table in the chart's README names, and nothing else."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.kit.rendering import CHART, EXAMPLES, Manifest, example, manifests, one, pods, with_secrets

Flow = tuple[str, str, str]
ALL_FLOWS = with_secrets({"tracing": {"endpoint": "http://collector:4318"}})
LOADED = {**ALL_FLOWS, "loadtest": {"enabled": True, "metrics": {"enabled": True}}}
NAMES = {
    "service": "server",
    "migrations": "migrate",
    "Postgres": "postgres",
    "Redis": "redis",
    "DNS": "kube-system",
    "networkPolicy.allowedScrapers": "monitoring",
    "collector": "everybody",
}
PORTS = {"postgres": "5432", "redis": "6379", "tracing.port": "4318"}


def policies(values: Manifest) -> list[Manifest]:
    return [item for item in manifests(values) if item["kind"] == "NetworkPolicy"]


def flows(values: Manifest) -> set[Flow]:
    """Who may talk to whom on which port: by the policies that let in, and by those that let out."""
    found = set()
    for policy in policies(values):
        here = policy["spec"]["podSelector"]["matchLabels"].get("app.kubernetes.io/component", "all")
        found |= {(there, here, port) for there, port in ends(policy["spec"].get("ingress", []), "from")}
        found |= {(here, there, port) for there, port in ends(policy["spec"].get("egress", []), "to")}
    return found


def ends(rules: list[Manifest], side: str) -> Iterator[tuple[str, str]]:
    for rule in rules:
        for port in rule["ports"]:
            for peer in rule.get(side, [{}]):
                yield component(peer), PORTS.get(str(port["port"]), str(port["port"]))


def component(peer: Manifest) -> str:
    if "namespaceSelector" in peer:
        return str(next(iter(peer["namespaceSelector"]["matchLabels"].values())))
    labels = peer.get("podSelector", {}).get("matchLabels", {})
    return str(labels.get("app.kubernetes.io/component", "everybody"))


def tables() -> tuple[set[Flow], set[Flow]]:
    """The tables of the README: what is always let through, and what else while a load test runs."""
    text = (CHART / "README.md").read_text(encoding="utf-8")
    always, loaded = text.split("## What may talk to what")[1].split("##")[0].split("`loadtest.enabled`")
    return table(always), table(loaded)


def table(text: str) -> set[Flow]:
    """The rows of a table: from, to, port; each cell may name several."""
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")][1:]
    return {
        (NAMES.get(source, source), NAMES.get(target, target), PORTS.get(port, port))
        for row in rows
        for source in words(row[0])
        for target in words(row[1])[:1]
        for port in words(row[2])
    }


def words(cell: str) -> list[str]:
    """The names of a cell; what begins with a joining word explains them."""
    parts = [part.strip().strip("`") for part in re.sub(r"\(.*?\)", "", cell).split(",")]
    return [re.sub(r"^and (\d+) .*", r"\1", part) for part in parts if not part.startswith(("or ", "if "))]


def test_the_table_names_each_flow_and_no_other() -> None:
    always, loaded = tables()

    assert always == flows(ALL_FLOWS)
    assert always | loaded == flows(LOADED)


def test_without_tracing_nothing_leaves_for_a_collector() -> None:
    assert flows(ALL_FLOWS) - flows(with_secrets()) == {("server", "everybody", "4318")}


def test_a_gateway_s_namespace_can_be_the_only_client() -> None:
    assert ("everybody", "server", "http") in flows(with_secrets())

    assert ("gateways", "server", "http") in flows(example("gateway"))
    assert ("everybody", "server", "http") not in flows(example("gateway"))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_no_pod_is_without_a_policy_for_both_directions(file: Path) -> None:
    found = manifests(yaml.safe_load(file.read_text(encoding="utf-8")))
    policies = [item["spec"] for item in found if item["kind"] == "NetworkPolicy"]

    for pod in pods(found):
        labels = pod.metadata["labels"].items()
        chosen = [spec for spec in policies if spec["podSelector"]["matchLabels"].items() <= labels]
        # Those beside, which let a load test in, only add to these.
        both = [spec for spec in chosen if spec["policyTypes"] == ["Ingress", "Egress"]]
        assert len(both) >= 2, pod.name


def test_stores_reach_nobody() -> None:
    for policy in policies(with_secrets()):
        if policy["metadata"]["name"] in {"signet-postgres", "signet-redis", "signet-deny"}:
            assert "egress" not in policy["spec"]


def test_the_management_port_is_never_routed() -> None:
    for file in EXAMPLES:
        for item in manifests(yaml.safe_load(file.read_text(encoding="utf-8"))):
            if item["kind"] in {"HTTPRoute", "Ingress"}:
                assert "management" not in str(item["spec"])
        public = one(manifests(yaml.safe_load(file.read_text(encoding="utf-8"))), "Service")
        assert [port["targetPort"] for port in public["spec"]["ports"]] == ["http"]
