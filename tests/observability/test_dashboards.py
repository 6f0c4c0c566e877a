"""The shipped dashboards: current, for any data source, and titled for what they ask."""

import re
import subprocess
import sys
from html import escape
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.kit.dashboards import FILES, dashboards, panels
from tests.kit.programs import ROOT
from tests.kit.prometheus import alerts

PANELS = list(panels())
RATES = {"reqps", "ops"}
# Counts of things, which have no unit.
PLAIN = {"short", "none"}
QUANTILE = re.compile(r"histogram_quantile\((0\.\d+)")
PERCENTILE = re.compile(r"\bp(\d{2})\b")
WIDTH = 24


def test_they_are_what_python_says(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "charts.dashboards", tmp_path], cwd=ROOT, check=True)

    assert {file.name for file in tmp_path.iterdir()} == {file.name for file in FILES}
    for file in FILES:
        assert (tmp_path / file.name).read_bytes() == file.read_bytes(), "run `make dashboards`"


def test_grafanas_own_models_read_every_field() -> None:
    """The models are generated from Grafana's schema: a field they don't know would be missing afterwards."""
    register_default_plugins()
    for file in FILES:
        text = file.read_text(encoding="utf-8").rstrip()
        read = Dashboard.from_json(dashboards()[file.stem])

        assert JSONEncoder(sort_keys=True, indent=2).encode(read) == text, file.name


def test_each_has_its_address_its_variables_and_a_way_to_the_others() -> None:
    for name, content in dashboards().items():
        variables = [variable["name"] for variable in content["templating"]["list"]]
        assert content["uid"] == f"signet-{name}"
        assert content["description"], name
        assert variables == ["source", "namespace", "release", "pod"], name
        assert [link["title"] for link in content["links"]] == ["Signet", "Runbooks"], name


def test_the_pictures_in_the_docs_are_of_these_panels() -> None:
    for name, content in dashboards().items():
        picture = (ROOT / f"docs/images/dashboard-{name}.svg").read_text(encoding="utf-8")
        missing = [panel["title"] for panel in content["panels"] if f">{escape(panel['title'])}<" not in picture]
        assert missing == [], f"{name}: run `make dashboards-preview`"


def test_none_knows_a_data_source_of_its_own() -> None:
    for file in FILES:
        named = set(re.findall(r'"uid": "([^"]+)"', file.read_text(encoding="utf-8")))
        assert named == {"${source}", f"signet-{file.stem}"}, file.name


def test_panels_stand_side_by_side_and_fill_their_rows() -> None:
    for name, content in dashboards().items():
        taken = [
            (panel["gridPos"]["y"] + row, panel["gridPos"]["x"] + column)
            for panel in content["panels"]
            for row in range(panel["gridPos"]["h"])
            for column in range(panel["gridPos"]["w"])
        ]
        assert len(taken) == len(set(taken)), f"{name}: panels overlap"
        numbers = [panel["id"] for panel in content["panels"]]
        assert len(set(numbers)) == len(numbers), f"{name}: two panels have one address"
        assert set(taken) == {(y, x) for y in range(max(taken)[0] + 1) for x in range(WIDTH)}, f"{name}: a gap"


def test_panels_explain_themselves_and_their_runbooks_exist() -> None:
    known = {alert["alert"] for alert in alerts()}
    for panel in PANELS:
        assert panel.content["description"].endswith("."), f"{panel.place}: a description is a sentence"
        assert len({target["refId"] for target in panel.content["targets"]}) == len(panel.expressions), panel.place
        for link in panel.content.get("links", []):
            assert link["title"] in known, panel.place
            assert link["url"].endswith(f"/docs/runbooks/{link['title']}.md"), panel.place


def test_percentiles_in_titles_are_those_of_the_queries() -> None:
    for panel in PANELS:
        computed = [[f"{float(found) * 100:g}" for found in QUANTILE.findall(text)] for text in panel.expressions]
        named = [PERCENTILE.findall(legend) for legend in panel.legends]
        if any(computed):
            assert named == computed, panel.place
            assert PERCENTILE.findall(panel.title) == sorted({one for some in computed for one in some}), panel.place


def test_units_are_those_of_the_queries() -> None:
    """By the last thing a query does: divide, take a percentile, take a rate, or give what a gauge holds."""
    wrong = {
        panel.place: f"{panel.unit}, not {_units(expression)}: {expression}"
        for panel in PANELS
        for expression in panel.expressions
        if panel.unit not in _units(expression)
    }

    assert wrong == {}


def test_titles_say_what_kind_of_figure_it_is() -> None:
    for panel in PANELS:
        assert ("share" in panel.title) == (panel.unit == "percentunit"), panel.place
        assert ("per second" in panel.title) == (panel.unit in RATES), panel.place


def _units(expression: str) -> set[str]:
    if "histogram_quantile" in expression:
        return {"s"}
    if expression.startswith(("signet:slo_budget_remaining", "signet:slo_errors")) or "\n/ " in expression:
        # Statements for each request are a number of statements.
        return PLAIN if "statement_duration_seconds_count" in expression else {"percentunit"}
    if "rate(" in expression:
        # Seconds in a second are how many of something are busy: cores, connections.
        return PLAIN if re.search(r"_seconds_(sum|total)", expression) else RATES
    return PLAIN if expression.startswith("count") else _units_of_gauge(expression)


def _units_of_gauge(expression: str) -> set[str]:
    for words, units in (
        (r"_ratio\b", {"percentunit"}),
        (r"_bytes\b", {"bytes"}),
        (r"_(seconds|tx_duration)\b", {"s"}),
    ):
        if re.search(words, expression):
            return units
    return PLAIN
