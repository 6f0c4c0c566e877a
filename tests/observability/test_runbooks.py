"""Runbooks name what exists: objects of the chart, commands of the service, routes, settings and values."""

import re
from pathlib import Path

import click
import pytest
import yaml

from service.commands.root import cli
from service.settings import Settings
from service.telemetry.metrics import new_metrics
from service.web.management import Lifecycle, create_management
from tests.kit.pages import RUNBOOKS, WITH_COMMANDS, commands
from tests.kit.programs import ROOT
from tests.kit.rendering import CHART, manifests, pods, with_secrets

PARTS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "Prevention"]
# OpenTelemetry's words, which look like values.
ATTRIBUTES = {"service.name", "service.version"}
KUBECTL = "kubectl --namespace signet "
VERBS = {"get", "describe", "logs", "exec", "port-forward", "scale", "rollout", "top", "create", "cp", "delete"}
KINDS = {"deployment": "Deployment", "statefulset": "StatefulSet", "configmap": "ConfigMap", "job": "Job"}

each_page = pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.stem)


def objects() -> dict[str, set[str]]:
    """Names of what a release `signet` consists of, by kind; and its pods."""
    found: dict[str, set[str]] = {}
    for item in manifests(with_secrets()):
        found.setdefault(item["kind"], set()).add(item["metadata"]["name"])
    found["Pod"] = {f"{name}-0" for name in found["StatefulSet"]}
    return found


@pytest.mark.parametrize("page", [page for page in RUNBOOKS if page.stem != "README"], ids=lambda page: page.stem)
def test_every_page_answers_the_same_questions_in_the_same_order(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    assert text.startswith(f"# {page.stem}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == PARTS
    assert "```promql" in text


def test_the_list_has_every_page() -> None:
    text = (ROOT / "docs/runbooks/README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[(\w+)\]\(\1\.md\) \|", text, re.MULTILINE)

    assert sorted(listed) == [page.stem for page in RUNBOOKS if page.stem != "README"]


@each_page
def test_kubectl_asks_for_objects_of_the_chart(page: Path) -> None:
    known = objects()
    components = {item["metadata"]["labels"]["app.kubernetes.io/component"] for item in manifests(with_secrets())}
    for command in commands(page):
        if not command.startswith(KUBECTL):
            continue
        words = command.removeprefix(KUBECTL).split()
        assert words[0] in VERBS, command
        for kind, name in re.findall(r"\b(deployment|statefulset|configmap|job)[/ ]([a-z0-9-]+)", command):
            assert name in known[KINDS[kind]], command
        for name in re.findall(r"\bsignet-[a-z]+-0\b", command):
            assert name in known["Pod"], command
        for component in re.findall(r"component=([a-z-]+)", command):
            assert component in components, command


@each_page
def test_commands_of_the_service_are_those_it_has(page: Path) -> None:
    for words in re.findall(r"python -m service ([a-z]+(?: [a-z]+)?)", page.read_text(encoding="utf-8")):
        command: click.Command = cli
        for word in words.split():
            if isinstance(command, click.Group):
                assert word in command.commands, f"python -m service {words}"
                command = command.commands[word]


@each_page
def test_management_is_asked_where_it_answers(page: Path) -> None:
    routes = {route.path for route in create_management(Lifecycle(), new_metrics(), {}).routes}  # type: ignore[attr-defined]
    ports = {port["containerPort"] for pod in pods(manifests(with_secrets())) for port in _ports(pod.containers)}
    for command in commands(page):
        for port, path in re.findall(r"http://127\.0\.0\.1:(\d+)(/\w+)", command):
            assert int(port) in ports, command
            assert path in routes, command
        for _, port in re.findall(r"port-forward \S+ (\d+):(\d+)", command):
            assert int(port) in ports, command


@each_page
def test_settings_and_values_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))

    for name in re.findall(r"\bSIGNET_([A-Z0-9_]+)\b", text):
        assert name.lower() in Settings.model_fields, name
    for path in re.findall(r"`([a-z]\w*(?:\.\w+)+)[`:]", text):
        if path.split(".")[0] in values and path not in ATTRIBUTES:
            assert _has(values, path), path


def _ports(containers: list[dict[str, list[dict[str, int]]]]) -> list[dict[str, int]]:
    return [port for container in containers for port in container.get("ports", [])]


def _has(values: object, path: str) -> bool:
    """Whether there is such a value; `settings` and what is free below it take the service's own names."""
    for name in path.split("."):
        if path.startswith("settings."):
            return path.removeprefix("settings.") in Settings.model_fields
        if not isinstance(values, dict) or (values and name not in values):
            return False
        values = values.get(name, {})
    return True
