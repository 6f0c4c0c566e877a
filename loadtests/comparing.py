"""Two reports of the same scenario side by side: what a change has done."""

import json
from pathlib import Path
from typing import Any

_PERCENTILES = ("p50", "p95", "p99")


class NotComparable(Exception):  # noqa: N818 - it says what is the matter
    """The reports are of different scenarios."""


def compare(before: Path, after: Path) -> str:
    """Write a table as Markdown: gates first, then latencies, the second report beside the first."""
    old, new = (json.loads(path.read_text(encoding="utf-8")) for path in (before, after))
    if old["scenario"] != new["scenario"]:
        raise NotComparable(f"One report is of {old['scenario']}, the other of {new['scenario']}.")
    lines = [
        f"### {new['scenario']}: {old['verdict']} before, {new['verdict']} after",
        "",
        "| gate | before | after | change | limit |",
        "|---|---:|---:|---:|---:|",
        *_gates(old["gates"], new["gates"]),
        "",
        "| request | | before | after | change |",
        "|---|---|---:|---:|---:|",
        *_requests(old["requests"], new["requests"]),
    ]
    return "\n".join(lines)


def _gates(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[str]:
    before = {gate["name"]: gate for gate in old}
    return [
        f"| {gate['name']} | {_mark(before.get(gate['name']))} | {_mark(gate)} "
        f"| {_change(before.get(gate['name'], {}).get('figure'), gate['figure'])} "
        f"| {gate['kind']} {gate['shown_limit']} |"
        for gate in new
    ]


def _requests(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[str]:
    before = {request["name"]: request for request in old}
    return [
        f"| {request['name'] if share == 'p50' else ''} | {share} | {before[request['name']][share]:.2f} ms "
        f"| {request[share]:.2f} ms | {_change(before[request['name']][share], request[share])} |"
        for request in new
        if request["name"] in before
        for share in _PERCENTILES
    ]


def _mark(gate: dict[str, Any] | None) -> str:
    if gate is None:
        return "not there"
    return f"{gate['shown']}{'' if gate['kept'] else ' **failed**'}"


def _change(before: float | None, after: float | None) -> str:
    if before is None or after is None:
        return "?"
    if before == after:
        return "="
    return f"{100 * (after - before) / before:+.0f} %" if before else "new"
