"""Runs of the load tests as anybody starts them."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kit.environment import Addresses
from tests.kit.programs import ROOT
from tests.kit.services import Service

GREEN, RED, VOID = 0, 1, 2


@dataclass(frozen=True)
class Ran:
    """A run that is over."""

    exit_code: int
    said: str
    told: dict[str, Any]

    @property
    def failed(self) -> set[str]:
        return {gate["name"] for gate in self.told["gates"] if not gate["kept"]}


def run(scenario: str, reports: Path, *options: str, **settings: str) -> Ran:
    """Run a scenario; `settings` are those of the service."""
    given = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNET_", "OTEL_"))}
    words = [sys.executable, "-m", "loadtests", "run", scenario, "--reports", str(reports), *options]
    done = subprocess.run(
        words, cwd=ROOT, env={**given, **settings}, capture_output=True, text=True, timeout=170, check=False
    )
    said = done.stdout + done.stderr
    reports_written = sorted(reports.glob("*.json"))
    assert reports_written, said
    return Ran(done.returncode, said, json.loads(reports_written[-1].read_text(encoding="utf-8")))


def against(replicas: Sequence[Service], stores: Addresses) -> tuple[list[str], dict[str, str]]:
    """Give the options and the settings of a run against replicas that run already."""
    options = [
        word
        for each in replicas
        for option, url in (("--host", each.url), ("--metrics", each.management_url))
        for word in (option, url)
    ]
    return options, {name: value for name, value in stores.environment().items() if name.startswith("SIGNET_")}
