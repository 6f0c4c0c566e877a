"""Whatever a dashboard, a rule or a runbook asks for exists: metrics, labels, values. And nothing is forgotten."""

import re
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from loadtests.scenarios import find
from loadtests.telling import Telling
from service.telemetry.metrics import new_metrics
from tests.kit.dashboards import metrics_in, panels, selectors_in
from tests.kit.programs import ROOT
from tests.kit.prometheus import rules

# Given by Prometheus to every series it scrapes, and to alerts.
GIVEN = {"namespace", "job", "pod", "instance", "le", "alertname", "severity", "alertstate", "slo"}
OF_PROMETHEUS = {"up", "ALERTS"}
# Other programs' metrics; test_every_query.py asks the real exporters where they can be had.
OF_OTHERS = re.compile(r"^(pg|redis)_")
# Metrics that no dashboard shows, on purpose, and why.
RAW = {
    "process_virtual_memory_bytes": "an address space is not memory",
    "signet_loadtest_info": "the scenario is in the name of the report, too",
    "signet_loadtest_phase": "for who compares the phases of a run by hand",
    "signet_loadtest_verdict": "gates show it; void is what the generator's own panels show",
    "signet_loadtest_generator_lateness_seconds": "a generator that is late is one that is busy",
}


def families() -> list[Metric]:
    """Return what a process begins with, and what a load test tells."""
    registry = CollectorRegistry()
    registry.register(Telling(find("warm-cache")))
    texts = (new_metrics().exposition()[0].decode(), generate_latest(registry).decode())
    return [family for text in texts for family in text_string_to_metric_families(text)]


def known() -> dict[str, set[frozenset[tuple[str, str]]]]:
    """Every sample there is at the beginning, by name: its labels."""
    found: dict[str, set[frozenset[tuple[str, str]]]] = {}
    for family in families():
        for sample in family.samples:
            found.setdefault(sample.name, set()).add(frozenset(sample.labels.items()))
        # Families without a series yet have only their name.
        for suffix in {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ("",)):
            found.setdefault(family.name + suffix, set())
    return found


def recorded() -> set[str]:
    return {rule["record"] for rule in rules() if "record" in rule}


def asked() -> Iterator[tuple[str, str]]:
    """Every expression there is, with where it stands."""
    for panel in panels():
        for expression in panel.expressions:
            yield panel.place, expression
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    for page in sorted((ROOT / "docs/runbooks").glob("*.md")):
        for block in re.findall(r"```promql\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            for line in block.splitlines():
                yield page.name, line


def test_every_metric_asked_for_is_one() -> None:
    names = {*known(), *recorded(), *OF_PROMETHEUS}
    unknown = {
        f"{place}: {name}"
        for place, expression in asked()
        for name in metrics_in(expression) - names
        if not OF_OTHERS.match(name)
    }

    assert unknown == set()


def test_every_query_asks_for_something() -> None:
    assert [place for place, expression in asked() if not metrics_in(expression)] == []


def test_labels_and_their_values_exist() -> None:
    """A misspelt label or value asks for nothing, and looks like peace."""
    series = known()
    wrong = [
        f"{place}: {name} {label}{operator}{value}"
        for place, expression in asked()
        for name, matchers in selectors_in(expression)
        for label, operator, value in matchers
        if series.get(name) and label not in GIVEN and not _is_there(series[name], label, value)
    ]

    assert wrong == []


def _is_there(labelled: set[frozenset[tuple[str, str]]], label: str, value: str) -> bool:
    """Each word of an alternative has to be there, also where it is left out by `!~`."""
    values = {dict(labels)[label] for labels in labelled if label in dict(labels)}
    return all(any(re.fullmatch(word, found) for found in values) for word in value.split("|"))


def test_bucket_boundaries_are_those_of_the_histogram() -> None:
    """An objective at a boundary that does not exist counts everything as an error."""
    for rule in rules():
        for name, matchers in selectors_in(rule["expr"]):
            for label, _, value in matchers:
                if label == "le":
                    assert value in _boundaries(name), f"{name} has no bucket {value}"


def _boundaries(histogram: str) -> set[str]:
    metrics = new_metrics()
    metrics.http.duration.labels("GET", "/")
    text = metrics.exposition()[0].decode()
    return set(re.findall(rf'^{histogram}\{{.*le="([^"]+)"', text, re.MULTILINE))


def test_every_metric_is_shown_or_listed_as_raw() -> None:
    shown = {name for _, expression in asked() for name in metrics_in(expression)}
    hidden = {
        family.name
        for family in families()
        if not {family.name + end for end in ("", "_total", "_bucket", "_count", "_sum")} & shown
    }

    assert hidden == set(RAW)
