"""Two reports of the same scenario side by side: what a change has done."""

import json
from pathlib import Path
from typing import Any

_PERCENTILES = ("p50", "p95", "p99")

_Told = dict[str, Any]


class NotComparable(Exception):  # noqa: N818 - it says what is the matter
    """One is no report, or the reports are of different scenarios."""


def compare(before: Path, after: Path) -> str:
    """Write a table as Markdown: gates first, then latencies, the second report beside the first.

    What only one of them has stands there, too: a gate that is gone is a change like any other.
    """
    old, new = (_read(path) for path in (before, after))
    if old["scenario"] != new["scenario"]:
        raise NotComparable(f"One report is of {old['scenario']}, the other of {new['scenario']}.")
    lines = [
        f"### {new['scenario']}: {old['verdict']} before, {new['verdict']} after",
        "",
        "| gate | before | after | change | limit |",
        "|---|---:|---:|---:|---:|",
        *(_gate(*pair) for pair in _pairs(old["gates"], new["gates"])),
        "",
        "| request | | before | after | change |",
        "|---|---|---:|---:|---:|",
        *(row for pair in _pairs(old["requests"], new["requests"]) for row in _request(*pair)),
    ]
    return "\n".join(lines)


def _read(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as reason:
        raise NotComparable(f"{path} can't be read as JSON: {reason}.") from reason
    if not isinstance(told, dict) or not {"scenario", "verdict", "gates", "requests"} <= told.keys():
        raise NotComparable(f"{path} is not the JSON of a run.")
    return told


def _pairs(old: list[_Told], new: list[_Told]) -> list[tuple[_Told | None, _Told | None]]:
    """Lay what has the same name side by side, in the order of the newer report; what is gone comes last."""
    before, after = ({each["name"]: each for each in told} for told in (old, new))
    return [(before.get(name), after.get(name)) for name in {**after, **before}]


def _gate(before: _Told | None, after: _Told | None) -> str:
    gate = after or before or {}
    change = _change(_of(before, "figure"), _of(after, "figure"))
    return f"| {gate['name']} | {_mark(before)} | {_mark(after)} | {change} | {gate['kind']} {gate['shown_limit']} |"


def _request(before: _Told | None, after: _Told | None) -> list[str]:
    name = (after or before or {})["name"]
    return [
        f"| {name if share == 'p50' else ''} | {share} | {_latency(before, share)} | {_latency(after, share)} "
        f"| {_change(_of(before, share), _of(after, share))} |"
        for share in _PERCENTILES
    ]


def _of(told: _Told | None, name: str) -> float | None:
    return told[name] if told else None


def _latency(request: _Told | None, share: str) -> str:
    return f"{request[share]:.2f} ms" if request else "not there"


def _mark(gate: _Told | None) -> str:
    if gate is None:
        return "not there"
    return f"{gate['shown']}{'' if gate['kept'] else ' **failed**'}"


def _change(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return "?"
    if before == after:
        return "="
    return f"{100 * (after - before) / before:+.0f} %" if before else "new"
