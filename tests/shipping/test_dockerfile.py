"""The Dockerfile, and what builds it."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtests.subject import AS_IN_THE_IMAGE
from tests.kit.programs import ROOT
from tests.shipping.reading import default, said, tool

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LINES = [line for line in TEXT.splitlines() if not line.startswith("#")]
Building = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def building(tmp_path: Path) -> Building:
    """Run local/image.sh where only the builders named exist: they say how they were called."""

    def build(*builders: str, **variables: str) -> subprocess.CompletedProcess[str]:
        for name in ("sh", "git", "dirname"):
            (tmp_path / name).symlink_to(f"/usr/bin/{name}")
        for name in builders:
            program = tmp_path / name.removesuffix("-asleep")
            asleep = 'if [ "$1" = info ]; then exit 1; fi; ' if name.endswith("-asleep") else ""
            program.write_text(f'#!/bin/sh\n{asleep}if [ "$1" = info ]; then exit 0; fi; echo {program.name} "$@"\n')
            program.chmod(0o755)
        return subprocess.run(
            [ROOT / "local/image.sh", "signet:test"], env={"PATH": str(tmp_path), **variables},
            capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip

    return build


def test_hadolint_finds_nothing() -> None:
    done = tool("hadolint", "Dockerfile")

    assert done.returncode == 0, said(done)


def test_nothing_in_it_is_buildkit_s_alone() -> None:
    found = [line for line in LINES if re.search(r"--(?:mount|link|network|security)\b|<<-?\w|^# syntax=", line)]

    assert found == []


def test_its_base_is_pinned_and_may_be_another() -> None:
    assert re.search(r"^ARG BASE=python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}$", TEXT, re.MULTILINE)
    stages = re.findall(r"^FROM (\S+) AS (\S+)$", TEXT, re.MULTILINE)
    assert {source for source, _ in stages} - {name for _, name in stages} == {"${BASE}"}


def test_only_wheels_with_locked_hashes_are_installed() -> None:
    installs = re.findall(r"python install [^&]*?--requirement \S+", TEXT)

    assert {words.split()[-1] for words in installs} == {"service.txt", "reload.txt", "loadtests.txt"}
    assert all("--require-hashes" in words and "--only-binary=:all:" in words for words in installs)


def test_developers_have_the_packages_that_ship_and_what_watches_files() -> None:
    def locked(name: str) -> set[str]:
        lock = (ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8")
        assert "index-url" not in lock
        return set(re.findall(r"^[\w.-]+==[^\s;]+", lock, re.MULTILINE))

    assert locked("service") - locked("reload") == set()
    assert {line.split("==")[0] for line in locked("reload") - locked("service")} == {"watchfiles"}


def test_its_ports_are_those_of_the_service() -> None:
    assert f"EXPOSE {default('port')} {default('management_port')}" in LINES


@pytest.mark.parametrize(
    ("there", "chosen"),
    [
        (["docker", "buildah", "podman"], "docker build"),
        (["docker-asleep", "buildah", "podman"], "buildah build"),
        (["docker-asleep", "podman"], "podman build"),
        (["podman"], "podman build"),
    ],
)
def test_the_builder_is_one_that_works(building: Building, there: list[str], chosen: str) -> None:
    done = building(*there, SOURCE_DATE_EPOCH="1700000000")

    assert (done.returncode, done.stdout.startswith(f"{chosen} ")) == (0, True), said(done)
    assert "--tag signet:test --target service" in done.stdout
    assert "1700000000" in done.stdout


def test_what_a_build_is_told_reaches_the_builder(building: Building) -> None:
    done = building("podman", BASE="python:3.14-slim", TARGET="dev", VERSION="1.2.3")

    for words in ("--build-arg BASE=python:3.14-slim", "--target dev", "--build-arg VERSION=1.2.3"):
        assert words in done.stdout


def test_without_a_builder_it_says_so(building: Building) -> None:
    done = building()

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "signet: building an image needs docker (running), buildah or podman; none is here\n"


def test_load_tests_and_benchmarks_run_with_the_memory_of_the_image() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")

    assert [name for name, value in AS_IN_THE_IMAGE.items() if f"    {name}={value} \\" not in text] == []
