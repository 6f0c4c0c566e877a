"""An SVG of a dashboard: its panels where they stand, each with the lines that its queries gave."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from math import ceil, floor, isfinite, log10
from typing import Any

COLUMN, ROW, GAP = 58, 34, 8
TOP, SIDE, BOTTOM, LEFT = 34, 12, 44, 58
COLOURS = ("#73bf69", "#5794f2", "#f2cc0c", "#ff780a", "#f2495c", "#b877d9", "#37872d", "#8ab8ff", "#ffcb7d", "#ff85a2")
STEP_COLOURS = {"green": "#73bf69", "orange": "#ff9830", "red": "#f2495c"}
BACKGROUND, CARD, EDGE, TEXT, FAINT = "#111217", "#181b1f", "#2c3235", "#ccccdc", "#8e8e9a"
# About how wide a character of a legend is, and what stands before and behind a name.
CHARACTER, AROUND = 5.6, 28
KILO = 1000
NICE = (1, 2, 2.5, 5, 10)
# A hole in a line: longer than this between two points.
HOLE_SECONDS = 2.5


@dataclass(frozen=True)
class Line:
    """One series of a panel: (instant, value)."""

    name: str
    points: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, series: dict[str, Any], legend: str) -> "Line":
        labels = series["metric"]
        named = re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: str(labels.get(found[1], "")), legend)
        values = ((float(instant), float(value)) for instant, value in series["values"])
        return cls(named.strip(), tuple(point for point in values if isfinite(point[1])))


@dataclass(frozen=True)
class Frame:
    """Where a panel's lines go, and what they are measured by."""

    x: float
    y: float
    width: float
    height: float
    start: float
    end: float
    least: float
    most: float

    def at(self, instant: float, value: float) -> tuple[float, float]:
        across = (instant - self.start) / (self.end - self.start)
        up = (value - self.least) / (self.most - self.least)
        return self.x + across * self.width, self.y + self.height * (1 - up)


def draw(dashboard: dict[str, Any], lines: Sequence[Sequence[Line]], start: float, end: float) -> str:
    """Draw all panels in their places."""
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"]) * ROW + 50
    width = 24 * COLUMN + 2 * GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="Inter, sans-serif">',
        f'<rect width="{width}" height="{height}" fill="{BACKGROUND}"/>',
        _text(GAP + 6, 28, dashboard["title"], 18, TEXT),
    ]
    drawn = iter(lines)
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        x, y = GAP + place["x"] * COLUMN, 42 + place["y"] * ROW
        if panel["type"] == "row":
            parts.append(_text(x + 6, y + ROW * 0.65, panel["title"], 14, TEXT))
            continue
        size = (place["w"] * COLUMN - GAP, place["h"] * ROW - GAP)
        parts.append(f'<g transform="translate({x} {y})">{_card(panel, list(next(drawn)), size, (start, end))}</g>')
    return "\n".join([*parts, "</svg>\n"])


def _card(panel: dict[str, Any], lines: list[Line], size: tuple[float, float], span: tuple[float, float]) -> str:
    width, height = size
    unit = panel["fieldConfig"]["defaults"]["unit"]
    lines = [line for line in lines if line.points]
    head = (
        f'<rect width="{width}" height="{height}" rx="3" fill="{CARD}" stroke="{EDGE}"/>'
        f"{_text(10, 21, panel['title'], 12.5, TEXT)}"
    )
    if not lines:
        return head + _text(width / 2 - 24, height / 2, "No data", 12, FAINT)
    drawing = _numbers if panel["type"] == "stat" else _graph
    return head + drawing(panel, lines, size, span, unit)


def _numbers(panel: dict[str, Any], lines: list[Line], size: tuple[float, float], _: object, unit: str) -> str:
    width, height = size
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    each = width / len(lines)
    parts = []
    for number, line in enumerate(lines):
        value = line.points[-1][1]
        # The last step whose value has been reached; the first has none.
        reached = [step for step in steps if step.get("value") is None or value >= step["value"]]
        colour = STEP_COLOURS[reached[-1]["color"]]
        middle = each * (number + 0.5)
        parts.append(_text(middle, height / 2 + 12, _figure(value, unit), 26, colour, "middle"))
        parts.append(_text(middle, height / 2 + 34, line.name, 11, FAINT, "middle"))
    return "".join(parts)


def _graph(
    panel: dict[str, Any], lines: list[Line], size: tuple[float, float], span: tuple[float, float], unit: str
) -> str:
    stacked = panel["fieldConfig"]["defaults"]["custom"].get("stacking", {}).get("mode") == "normal"
    legend = _legend(lines, size)
    if stacked:
        lines = _stack(lines)
    values = [value for line in lines for _, value in line.points]
    least, most = min(0.0, *values), max(values)
    ticks = _ticks(least, most if most > least else least + 1, unit)
    frame = Frame(LEFT, TOP, size[0] - LEFT - SIDE, size[1] - TOP - BOTTOM, *span, ticks[0], ticks[-1])
    parts = [_axis(frame, ticks, unit), *_limits(panel, frame)]
    for number, line in reversed(list(enumerate(lines))):
        parts.append(_path(line, frame, COLOURS[number % len(COLOURS)], is_filled=stacked))
    return "".join([*parts, legend])


def _ticks(least: float, most: float, unit: str = "") -> list[float]:
    """Choose round values, about five, that have all others between them."""
    scale = 1 if unit != "bytes" else 2**20 if most >= 2**20 else 2**10
    rough = (most - least) / scale / 4
    power = 10.0 ** floor(log10(rough))
    step = scale * power * next(nice for nice in NICE if nice * power >= rough)
    return [step * number for number in range(floor(least / step), ceil(most / step) + 1)]


def _stack(lines: list[Line]) -> list[Line]:
    """Put each line on those before it."""
    heights: dict[float, float] = {}
    stacked = []
    for line in lines:
        points = []
        for instant, value in line.points:
            heights[instant] = heights.get(instant, 0.0) + value
            points.append((instant, heights[instant]))
        stacked.append(Line(line.name, tuple(points)))
    return stacked


def _axis(frame: Frame, ticks: Sequence[float], unit: str) -> str:
    parts = []
    for value in ticks:
        _, y = frame.at(frame.start, value)
        parts.append(f'<path d="M{frame.x} {y:.1f}h{frame.width:.1f}" stroke="{EDGE}"/>')
        # Titles say what is counted a second.
        figure = _figure(value, "" if unit in {"reqps", "ops"} else unit)
        parts.append(_text(frame.x - 6, y + 3.5, figure, 10, FAINT, "end"))
    for seconds in _ticks(0, frame.end - frame.start)[:-1]:
        x, _ = frame.at(frame.start + seconds, frame.least)
        parts.append(_text(x, frame.y + frame.height + 14, f"{seconds:.0f} s", 10, FAINT, "middle"))
    return "".join(parts)


def _limits(panel: dict[str, Any], frame: Frame) -> list[str]:
    """Thresholds that are within what is seen."""
    drawn = []
    for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]:
        value = step.get("value")
        if value is not None and frame.least < value <= frame.most:
            _, y = frame.at(frame.start, value)
            colour = STEP_COLOURS[step["color"]]
            drawn.append(f'<path d="M{frame.x} {y:.1f}h{frame.width:.1f}" stroke="{colour}" stroke-dasharray="6 5"/>')
    return drawn


def _path(line: Line, frame: Frame, colour: str, *, is_filled: bool) -> str:
    """Draw each part of a line that has no hole; filled, down to nothing: what lies below is drawn over it."""
    drawn = []
    for part in _parts(line.points):
        steps = "L".join(f"{x:.1f} {y:.1f}" for x, y in (frame.at(*point) for point in part))
        if is_filled:
            first, bottom = frame.at(part[0][0], 0)
            last, _ = frame.at(part[-1][0], 0)
            area = f"M{first:.1f} {bottom:.1f}L{steps}L{last:.1f} {bottom:.1f}Z"
            drawn.append(f'<path d="{area}" fill="{CARD}"/><path d="{area}" fill="{colour}" fill-opacity=".35"/>')
        drawn.append(f'<path d="M{steps}" fill="none" stroke="{colour}" stroke-width="1.4" stroke-linecap="round"/>')
    return "".join(drawn)


def _parts(points: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    parts = [[points[0]]]
    for before, point in pairwise(points):
        if point[0] - before[0] >= HOLE_SECONDS:
            parts.append([])
        parts[-1].append(point)
    return parts


def _legend(lines: list[Line], size: tuple[float, float]) -> str:
    """Name the lines; where not all have room, the highest ones, and how many others there are."""
    named = list(enumerate(lines))
    if sum(len(line.name) * CHARACTER + AROUND for line in lines) > size[0] - 24:
        named.sort(key=lambda found: -max(value for _, value in found[1].points))
    x, parts = 12.0, []
    for placed, (number, line) in enumerate(named):
        is_last = placed == len(named) - 1
        room = size[0] - 12 - x - (0 if is_last else AROUND)
        if len(line.name) * CHARACTER + AROUND > room and placed:
            parts.append(_text(x, size[1] - 12, f"+ {len(named) - placed}", 10.5, FAINT))
            break
        colour = COLOURS[number % len(COLOURS)]
        parts.append(f'<rect x="{x}" y="{size[1] - 17}" width="10" height="3" fill="{colour}"/>')
        parts.append(_text(x + 14, size[1] - 12, line.name, 10.5, TEXT))
        x += len(line.name) * CHARACTER + AROUND
    return "".join(parts)


def _figure(value: float, unit: str) -> str:
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "bytes" and value:
        return f"{value / 2**20:.3g} MiB" if value >= 2**18 else f"{value / 2**10:.3g} KiB"
    if unit == "s" and value:
        return f"{value * 1000:.3g} ms" if abs(value) < 1 else f"{value:.3g} s"
    if abs(value) >= KILO:
        return f"{value / KILO:.3g} k"
    return f"{value:.3g}" + {"reqps": " req/s", "ops": " ops/s", "s": " s", "ms": " ms"}.get(unit, "")


def _text(x: float, y: float, text: str, size: float, colour: str, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}">{escape(text)}</text>'
    )
