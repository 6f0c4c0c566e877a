"""What a run tells people and machines: a page with plots, JSON, and Markdown for a pull request."""

import json
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from loadtests.drawing import axis_of, plots_of
from loadtests.evidence import Evidence
from loadtests.gates import Judged, Outcome, Verdict
from loadtests.plots import draw
from local.refusals import CannotStart

_NUMBERS = {"figure", "limit", "count", "p50 ms", "p95 ms", "p99 ms", "calls", "ms in all", "ms each"}
_PERCENTILES = (0.5, 0.95, 0.99)
_WORDS = {
    Outcome.GREEN: "Green: every gate was kept.",
    Outcome.RED: "Red: a gate was not kept.",
    Outcome.VOID: "Void: this run says nothing about Signet.",
}
_STYLE = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")


def made_writable(folder: Path) -> None:
    """Make the folder of reports and try it before a run, not after it."""
    with _refusing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


def write_reports(evidence: Evidence, verdict: Verdict, folder: Path) -> Path:
    """Write all three under one name; gives that of the page."""
    at = datetime.now(UTC)
    stem = folder / f"{evidence.scenario.name}-{at:%Y%m%d-%H%M%S}"
    told = tell(evidence, verdict, at)
    page = stem.with_suffix(".html")
    with _refusing(folder):
        stem.with_suffix(".json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        stem.with_suffix(".md").write_text(markdown(told), encoding="utf-8")
        page.write_text(html(told, evidence), encoding="utf-8")
    return page


@contextmanager
def _refusing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as reason:
        raise CannotStart(f"Reports can't be written into {folder}: {reason.strerror}.") from reason


def tell(evidence: Evidence, verdict: Verdict, at: datetime) -> dict[str, Any]:
    """Tell everything as JSON can carry it: what `compare` reads."""
    scenario = evidence.scenario
    return {
        "scenario": scenario.name,
        "about": scenario.about,
        "at": at.isoformat(timespec="seconds"),
        "verdict": verdict.outcome.name.lower(),
        "void": list(verdict.void),
        "notes": list(evidence.facts.get("notes", ())),
        "gates": [_gate(judged) for judged in verdict.judged],
        "requests": [_request(evidence, name) for name in evidence.tally.names()],
        "phases": [{"name": phase.name, "seconds": phase.seconds} for phase in scenario.phases],
        "dataset": {"people": scenario.dataset.people, "zipf": scenario.dataset.zipf},
        "crowds": [
            {"kind": crowd.kind, "users": crowd.users, "every": crowd.every, "during": list(crowd.during)}
            for crowd in scenario.crowds
        ],
        # None: a deployment's own, which the run has not made.
        "settings": evidence.facts.get("settings"),
        "replicas": evidence.replicas,
        "failures": evidence.failures,
        "statements": evidence.statements,
        "machine": {
            "python": platform.python_version(),
            "system": platform.platform(),
            "cores": psutil.cpu_count(),
            "locust": version("locust"),
        },
    }


def markdown(told: dict[str, Any]) -> str:
    """Write what a reviewer wants to see in a pull request."""
    lines = [
        f"### {told['scenario']}: {told['verdict']}",
        "",
        f"{told['about']} {_size(told)}",
        "",
        *_remarks(told),
        "| | gate | figure | limit |",
        "|---|---|---:|---:|",
    ]
    for gate in told["gates"]:
        mark = "✅" if gate["kept"] else "❌"
        lines.append(f"| {mark} | {gate['name']} | {gate['shown']} | {gate['kind']} {gate['shown_limit']} |")
    lines += ["", "| request | count | p50 ms | p95 ms | p99 ms | outcomes |", "|---|---:|---:|---:|---:|---|"]
    lines += [
        f"| {each['name']} | {each['count']:,} | {each['p50']:.1f} | {each['p95']:.1f} | {each['p99']:.1f} "
        f"| {_outcomes(each)} |"
        for each in told["requests"]
    ]
    return "\n".join(lines) + "\n"


def html(told: dict[str, Any], evidence: Evidence) -> str:
    """Write a page that needs nothing beside itself."""
    axis = axis_of(evidence)
    drawn = "".join(draw(plot, axis) for plot in plots_of(evidence))
    void = "".join(f"<p class=void>{escape(reason)}.</p>" for reason in told["void"])
    notes = "".join(f"<p>Note: {escape(note)}.</p>" for note in told["notes"])
    return f"""<!doctype html>
<html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">
<title>{escape(told["scenario"])}: {told["verdict"]}</title><style>{_STYLE}</style>
<header class={told["verdict"]}><h1>{escape(told["scenario"])}</h1><strong>{
        _WORDS[Outcome[told["verdict"].upper()]]
    }</strong>
<p>{escape(told["about"])} {escape(_size(told))}</p>{void}{notes}</header>
<main><section><h2>Gates</h2>{_gates_table(told)}</section>
<section><h2>Over time</h2><div class=plots>{drawn}</div></section>
<section><h2>Requests</h2>{_requests_table(told)}</section>
{_more_tables(told)}
<footer>{escape(told["at"])} · Python {told["machine"]["python"]}, Locust {told["machine"]["locust"]} · {
        escape(told["machine"]["system"])
    }, {told["machine"]["cores"]} cores · {_settings(told)}</footer></main></html>
"""


def _gate(judged: Judged) -> dict[str, Any]:
    return {
        "name": judged.gate.name,
        "kept": judged.is_kept,
        "figure": judged.figure,
        "kind": judged.gate.kind,
        "limit": judged.limit,
        "unit": judged.gate.unit,
        "why": judged.gate.why,
        "shown": judged.trouble or judged.shown(judged.figure),
        "shown_limit": judged.shown(judged.limit),
    }


def _request(evidence: Evidence, name: str) -> dict[str, Any]:
    wanted = evidence.wanted(name)
    found = {f"p{round(share * 100)}": evidence.tally.percentile(share, wanted) or 0.0 for share in _PERCENTILES}
    return {"name": name, "count": evidence.count(name), **found, "outcomes": evidence.outcomes(name)}


def _size(told: dict[str, Any]) -> str:
    seconds = sum(phase["seconds"] for phase in told["phases"])
    people, zipf = told["dataset"]["people"], told["dataset"]["zipf"]
    return f"{people:,} people, Zipf exponent {zipf:g}, {told['replicas']} replicas, {seconds:.0f} s."


def _outcomes(request: dict[str, Any]) -> str:
    return ", ".join(f"{outcome}: {count:,}" for outcome, count in request["outcomes"].items())


def _gates_table(told: dict[str, Any]) -> str:
    rows = [
        f"<tr class={'kept' if gate['kept'] else 'failed'}><td>{'kept' if gate['kept'] else 'FAILED'}"
        f"<td>{escape(gate['name'])}<small>{escape(gate['why'])}</small>"
        f"<td class=n>{escape(gate['shown'])}<td class=n>{gate['kind']} {escape(gate['shown_limit'])}"
        for gate in told["gates"]
    ]
    return _table(("", "gate", "figure", "limit"), rows)


def _requests_table(told: dict[str, Any]) -> str:
    rows = [
        f"<tr><td>{escape(each['name'])}<td class=n>{each['count']:,}"
        + "".join(f"<td class=n>{each[share]:.1f}" for share in ("p50", "p95", "p99"))
        + f"<td>{escape(_outcomes(each))}"
        for each in told["requests"]
    ]
    return _table(("request", "count", "p50 ms", "p95 ms", "p99 ms", "outcomes"), rows)


def _more_tables(told: dict[str, Any]) -> str:
    parts = []
    if told["failures"]:
        rows = [
            f"<tr><td>{escape(each['name'])}<td>{escape(each['error'])}<td class=n>{each['count']:,}"
            for each in told["failures"]
        ]
        parts.append(f"<section><h2>Not as expected</h2>{_table(('request', 'what', 'count'), rows)}</section>")
    if told["statements"]:
        rows = [
            f"<tr><td><code>{escape(' '.join(each['query'].split())[:160])}</code><td class=n>{each['calls']:,}"
            f"<td class=n>{each['milliseconds']:.0f}<td class=n>{each['milliseconds'] / max(1, each['calls']):.3f}"
            for each in told["statements"]
        ]
        head = ("statement", "calls", "ms in all", "ms each")
        parts.append(f"<section><h2>Where Postgres spent its time</h2>{_table(head, rows)}</section>")
    return "".join(parts)


def _table(head: tuple[str, ...], rows: list[str]) -> str:
    titles = "".join(f"<th{' class=n' if title in _NUMBERS else ''}>{escape(title)}" for title in head)
    return f"<div class=wide><table><thead><tr>{titles}<tbody>{''.join(rows)}</table></div>"


def _remarks(told: dict[str, Any]) -> list[str]:
    """List what else there is to know; a table needs an empty line behind that, or it is a part of the list."""
    remarks = [f"- **void**: {reason}" for reason in told["void"]]
    remarks += [f"- **note**: {note}" for note in told["notes"]]
    return [*remarks, ""] if remarks else []


def _settings(told: dict[str, Any]) -> str:
    given = told["settings"]
    if given is None:
        return "settings of the deployment"
    return escape(", ".join(f"{name}={value}" for name, value in given.items()) or "settings as shipped")
