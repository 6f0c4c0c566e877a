"""The shipped rule files, played by promtool: each alert fires for its fault and is silent about the near miss."""

from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from tests.kit.programs import ROOT
from tests.kit.prometheus import RULE_FILES, RULES, alerts, promtool
from tests.observability.rule_cases import ABSENT, ABSENT_SHORTLY, CAUSES, FAST, SLOW, Case, playing

RUNBOOKS = ROOT / "docs/runbooks"
SEVERITIES = {"page", "ticket"}


def test_prometheus_takes_the_rules() -> None:
    done = promtool("check", "rules", *RULE_FILES)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "cases", "pause"),
    [
        ("causes", CAUSES, "1m"),
        ("causes", [ABSENT], "1m"),
        ("causes", [ABSENT_SHORTLY], "1m"),
        ("slos", FAST, "1m"),
        ("slos", SLOW, "5m"),
    ],
    ids=["causes", "absent", "absent-shortly", "burning", "wearing-down"],
)
def test_alerts_fire_for_their_fault_and_for_nothing_else(
    name: str, cases: list[Case], pause: str, tmp_path: Path
) -> None:
    """Each playing names all alerts that fire, so a fault that sets off a second one is found, too."""
    equally_long = [[case for case in cases if case.minutes == length] for length in {case.minutes for case in cases}]
    played = {
        "rule_files": [str(RULES / f"{name}.yaml")],
        "evaluation_interval": pause,
        "tests": [playing(some) for some in equally_long],
    }
    file = tmp_path / "cases.yaml"
    file.write_text(yaml.safe_dump(played, sort_keys=False), encoding="utf-8")

    done = promtool("test", "rules", file)

    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case_that_fires_it_and_one_that_does_not() -> None:
    fired: dict[str, set[bool]] = defaultdict(set)
    for case in [ABSENT, ABSENT_SHORTLY, *CAUSES, *FAST, *SLOW]:
        for alert, _ in case.fires:
            fired[alert].add(True)
        if not case.fires:
            named = {alert["alert"] for alert in alerts() if case.name.startswith(alert["alert"])}
            about = named or {alert["alert"] for alert in alerts() if alert["labels"].get("slo") in case.name.split()}
            for name in about:
                fired[name].add(False)

    assert {alert["alert"]: {True, False} for alert in alerts()} == fired


def test_every_alert_says_what_it_is_about_and_has_its_runbook() -> None:
    for alert in alerts():
        name, said = alert["alert"], alert["annotations"]
        assert alert["labels"]["severity"] in SEVERITIES, name
        assert said["summary"].endswith("."), name
        assert said["description"].endswith("."), name
        assert said["runbook_url"].endswith(f"/docs/runbooks/{name}.md"), name
        assert (RUNBOOKS / f"{name}.md").is_file(), name


def test_every_runbook_has_its_alert() -> None:
    written = {file.stem for file in RUNBOOKS.glob("Signet*.md")}

    assert written == {alert["alert"] for alert in alerts()}
