"""What ships beside the service, read the way its tools read it."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from service.settings import PREFIX, Settings
from tests.kit.programs import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
VALUES = sorted((ROOT / "local/skaffold").glob("*.yaml"))
VARIABLE = re.compile(rf"\b{PREFIX}[A-Z][A-Z0-9_]*\b")
TOOLS = Path(sys.executable).parent


def read_yaml(path: Path | str) -> dict[Any, Any]:
    return dict(yaml.safe_load((ROOT / path).read_text(encoding="utf-8")))


def setting_names() -> set[str]:
    """Name the environment variables that the service reads."""
    return {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}


def default(name: str) -> Any:
    return Settings.model_fields[name].default


def tool(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program, one of the development requirements or of the machine, in the checkout."""
    own = TOOLS / words[0]
    program = [str(own) if own.exists() else words[0], *words[1:]]
    return subprocess.run(
        program, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True, check=False, timeout=120
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr
