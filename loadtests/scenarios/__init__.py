"""The scenarios by name: one readable file each."""

from importlib import import_module
from pathlib import Path

from loadtests.scenario import Scenario

NAMES = sorted(path.stem.replace("_", "-") for path in Path(__file__).parent.glob("[a-z]*.py"))


def find(name: str) -> Scenario:
    """Find a scenario; KeyError for a name nobody has."""
    if name not in NAMES:
        raise KeyError(name)
    scenario: Scenario = import_module(f"loadtests.scenarios.{name.replace('-', '_')}").SCENARIO
    return scenario
