"""What the chart gives to Prometheus and Grafana: rules for its own release alone, dashboards as they are."""

import json
import re
from pathlib import Path

import yaml

from tests.kit.dashboards import FILES
from tests.kit.prometheus import RULE_FILES, alerts, promtool, rules
from tests.kit.rendering import Manifest, manifests, one, with_secrets


def watching(rules: Manifest | None = None, name: str = "signet") -> list[Manifest]:
    metrics = {"rules": {"enabled": True, **(rules or {})}, "dashboards": {"enabled": True}}
    return manifests(with_secrets({"metrics": {**metrics, "serviceMonitor": {"enabled": True}}}), name)


def groups(found: list[Manifest]) -> list[Manifest]:
    return [group for item in found if item["kind"] == "PrometheusRule" for group in item["spec"]["groups"]]


def shipped(found: list[Manifest]) -> list[Manifest]:
    return [rule for group in groups(found) for rule in group["rules"]]


def test_nothing_is_made_of_it_unasked() -> None:
    made = manifests(with_secrets())

    assert "PrometheusRule" not in {item["kind"] for item in made}
    assert not [item for item in made if "dashboard" in item["metadata"]["name"]]


def test_every_rule_is_shipped_and_prometheus_takes_it(tmp_path: Path) -> None:
    found = watching()

    assert len([item for item in found if item["kind"] == "PrometheusRule"]) == len(RULE_FILES)
    assert len(shipped(found)) == len(rules())
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": groups(found)}), encoding="utf-8")
    done = promtool("check", "rules", tmp_path / "rules.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_ask_for_their_own_release_and_no_other() -> None:
    found = watching(name="blue")
    monitor = one(found, "ServiceMonitor", "blue-signet")

    given = monitor["spec"]["endpoints"][0]["relabelings"]
    assert given == [{"targetLabel": "job", "replacement": "blue-signet"}]
    for rule in shipped(found):
        selectors = re.findall(r"[a-z_][a-z0-9_:]*\{([^}]*)\}", rule["expr"])
        assert selectors
        assert all('job="blue-signet", namespace="identity"' in selector for selector in selectors), rule["expr"]


def test_templates_of_prometheus_are_left_to_prometheus() -> None:
    plain = {(alert["alert"], alert["labels"]["severity"], alert["labels"].get("slo")): alert for alert in alerts()}

    for rule in shipped(watching()):
        if "alert" in rule:
            key = (rule["alert"], rule["labels"]["severity"], rule["labels"].get("slo"))
            assert rule["annotations"] == plain[key]["annotations"]


def test_alerts_can_be_left_out_and_labelled() -> None:
    found = shipped(watching({"disabled": ["SignetSpansDropped"], "alertLabels": {"team": "identity"}}))

    assert {rule["labels"]["team"] for rule in found if "alert" in rule} == {"identity"}
    assert not [rule for rule in found if "record" in rule and "team" in rule["labels"]]
    left_out = {alert["alert"] for alert in alerts()} - {rule["alert"] for rule in found if "alert" in rule}
    assert left_out == {"SignetSpansDropped"}


def test_dashboards_arrive_unchanged() -> None:
    found = {
        name: text
        for item in watching()
        if item["kind"] == "ConfigMap" and item["metadata"]["labels"].get("grafana_dashboard") == "1"
        for name, text in item["data"].items()
    }

    assert {name: json.loads(text) for name, text in found.items()} == {
        f"signet-{file.name}": json.loads(file.read_text(encoding="utf-8")) for file in FILES
    }
