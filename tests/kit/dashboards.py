"""The shipped dashboards as a person meets them: panels with their queries, variables and links."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.kit.programs import ROOT

SHIPPED = ROOT / "charts/signet/dashboards"
FILES = sorted(SHIPPED.glob("*.json"))
# What Grafana puts in the place of variables.
CHOSEN = {"$namespace": "identity", "$release": "signet", "$pod": "signet-0|signet-1"}
_WORDS_OF_PROMQL = re.compile(
    r"\{[^}]*\}|\[[^\]]*\]|\b(?:by|on|ignoring|group_left|group_right|without)\s*\([^)]*\)|\"[^\"]*\""
)
SELECTOR = re.compile(r"([a-zA-Z_][a-zA-Z0-9_:]*)\{([^}]*)\}")
_MATCHER = re.compile(r'([a-z_]+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_NAME = re.compile(r"\b(?:[a-z][a-z0-9]*_[a-z0-9_]+|signet:[a-z0-9_:]+|up|ALERTS)\b(?!\s*\()")


@dataclass(frozen=True)
class ShippedPanel:
    """One panel of a dashboard, as its JSON has it."""

    dashboard: str
    title: str
    content: dict[str, Any]

    @property
    def place(self) -> str:
        return f"{self.dashboard}: {self.title}"

    @property
    def unit(self) -> str:
        return str(self.content["fieldConfig"]["defaults"]["unit"])

    @property
    def expressions(self) -> list[str]:
        return [target["expr"] for target in self.content["targets"]]

    @property
    def legends(self) -> list[str]:
        return [target.get("legendFormat", "") for target in self.content["targets"]]


def dashboards() -> dict[str, dict[str, Any]]:
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in FILES}


def panels() -> Iterator[ShippedPanel]:
    for name, content in dashboards().items():
        for panel in content["panels"]:
            if panel["type"] != "row":
                yield ShippedPanel(name, panel["title"], panel)


def asked(expression: str, interval: str = "5m") -> str:
    """Return the expression as Grafana would ask it, everything chosen."""
    for variable, value in CHOSEN.items():
        expression = expression.replace(variable, value)
    return expression.replace("$__rate_interval", interval)


def metrics_in(expression: str) -> set[str]:
    """Names of all series that an expression asks for."""
    return set(_NAME.findall(_WORDS_OF_PROMQL.sub(" ", expression)))


def selectors_in(expression: str) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Each series name with its matchers: (label, operator, value)."""
    for name, matchers in SELECTOR.findall(expression):
        yield name, _MATCHER.findall(matchers)
