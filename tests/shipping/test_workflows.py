""".github and .devcontainer: valid, pinned, with no more rights than needed."""

import json
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kit.programs import ROOT
from tests.shipping.reading import WORKFLOWS, default, read_yaml, said, tool

USES = re.compile(r"^\s*(?:- )?uses: (\S+)(?: # (.*))?$", re.MULTILINE)
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")
VERSION = re.compile(r"v\d+\.\d+\.\d+")
MAKE = re.compile(r"\bmake ([a-z][a-z-]*)")
each_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    return dict(read_yaml(path)["jobs"])


def steps(path: Path) -> Iterator[dict[str, Any]]:
    for job in jobs(path).values():
        yield from job.get("steps", [])


def targets() -> set[str]:
    """Name what make can do."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))


def test_there_is_one_for_each_duty() -> None:
    assert {path.stem for path in WORKFLOWS} == {"ci", "chart", "e2e", "release", "security"}


def test_they_are_valid() -> None:
    done = tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *map(str, WORKFLOWS))

    assert done.returncode == 0, said(done)


def test_actionlint_finds_nothing() -> None:
    if shutil.which("actionlint") is None:
        pytest.skip("actionlint is not installed here (no wheel has it); ci.yml installs it")

    done = tool("actionlint", *map(str, WORKFLOWS))

    assert done.returncode == 0, said(done)


def test_zizmor_finds_nothing() -> None:
    done = tool("zizmor", "--offline", "--quiet", ".github")

    assert done.returncode == 0, said(done)


@each_workflow
def test_what_others_wrote_is_pinned_to_a_commit_whose_version_is_told(path: Path) -> None:
    used = [(name, said) for name, said in USES.findall(path.read_text(encoding="utf-8")) if not name.startswith("./")]

    assert [name for name, _ in used if not PINNED.fullmatch(name)] == []
    assert [name for name, version in used if not VERSION.fullmatch(version)] == []


def test_the_same_action_is_the_same_everywhere() -> None:
    pins: dict[str, set[str]] = {}
    for path in WORKFLOWS:
        for name, version in USES.findall(path.read_text(encoding="utf-8")):
            action, _, commit = name.partition("@")
            pins.setdefault("/".join(action.split("/")[:2]), set()).add(f"{commit} {version}")

    assert {action: found for action, found in pins.items() if len(found) > 1} == {}


@each_workflow
def test_no_right_is_given_that_a_job_does_not_name(path: Path) -> None:
    assert read_yaml(path)["permissions"] == {}
    assert [name for name, job in jobs(path).items() if "permissions" not in job] == []


@each_workflow
def test_no_credentials_stay_in_the_checkout(path: Path) -> None:
    checkouts = [step for step in steps(path) if step.get("uses", "").startswith("actions/checkout@")]

    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@each_workflow
def test_every_job_ends(path: Path) -> None:
    assert [name for name, job in jobs(path).items() if "timeout-minutes" not in job and "uses" not in job] == []


@each_workflow
def test_what_it_asks_of_make_make_can_do(path: Path) -> None:
    asked = {target for step in steps(path) for target in MAKE.findall(step.get("run", ""))}

    assert asked - targets() == set()


def test_each_python_that_is_promised_is_tested() -> None:
    (matrix,) = [
        job["strategy"]["matrix"]["python"]
        for job in jobs(ROOT / ".github/workflows/ci.yml").values()
        if "strategy" in job
    ]
    least = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]

    assert f">={matrix[0]}" == least
    assert [int(version.partition(".")[2]) for version in matrix] == list(range(11, 11 + len(matrix)))


def test_a_release_is_signed_and_says_what_is_in_it() -> None:
    text = (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8")
    (build,) = [step for step in steps(ROOT / ".github/workflows/release.yml") if step.get("id") == "build"]

    assert (build["with"]["sbom"], build["with"]["provenance"]) == (True, "mode=max")
    assert set(build["with"]["platforms"].split(",")) == {"linux/amd64", "linux/arm64"}
    assert "rewrite-timestamp=true" in build["with"]["outputs"]
    assert text.count("cosign sign --yes") == 2


def test_the_image_that_is_released_is_the_one_the_chart_names() -> None:
    image = read_yaml("charts/signet/values.yaml")["image"]["repository"]

    assert f"cosign verify {image}:" in (ROOT / "docs/image.md").read_text(encoding="utf-8")
    assert f"repository: {image}$" in (ROOT / ".github/workflows/release.yml").read_text(encoding="utf-8")


def test_dependabot_reads_its_file() -> None:
    done = tool("check-jsonschema", "--builtin-schema", "vendor.dependabot", ".github/dependabot.yml")

    assert done.returncode == 0, said(done)


def test_the_development_container_has_what_the_checkout_needs() -> None:
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text(encoding="utf-8"))

    assert container["forwardPorts"] == [default("port"), default("management_port")]
    assert set(MAKE.findall(container["postCreateCommand"])) <= targets()
