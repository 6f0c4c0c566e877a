"""A real Prometheus: its promtool for rule files, and the server for what the service really says."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kit.programs import ROOT

RULES = ROOT / "charts/signet/rules"
RULE_FILES = sorted(RULES.glob("*.yaml"))


def program(name: str) -> str:
    """Find a program of Prometheus; without it the test is skipped aloud."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed; Debian and Ubuntu have it in the package `prometheus`")
    return found


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    words = [program("promtool"), *(str(argument) for argument in arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)


def rules() -> list[dict[str, Any]]:
    """Return every rule of every group."""
    documents = [yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader) for file in RULE_FILES]
    return [rule for document in documents for group in document["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]
