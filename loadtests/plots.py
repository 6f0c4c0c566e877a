"""Plots as SVG: lines over the seconds of a run, with its phases behind them."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 720, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 54, 12, 26, 28
COLOURS = ("#2563eb", "#d97706", "#059669", "#dc2626", "#7c3aed", "#64748b")

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    label: str
    points: Points


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot of lines that share a unit."""

    title: str
    unit: str
    lines: Sequence[Line]
    is_logarithmic: bool = False
    highest: float | None = None


@dataclass(frozen=True, slots=True)
class Axis:
    """The seconds of a run and its phases. `marks` are instants at which something was done to it."""

    seconds: float
    phases: Sequence[tuple[str, float, float]]
    marks: Sequence[tuple[float, str]] = ()

    def x(self, second: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * second / self.seconds


def draw(plot: Plot, axis: Axis) -> str:
    """Draw a plot as one SVG element."""
    values = [value for line in plot.lines for _, value in line.points if value > 0 or not plot.is_logarithmic]
    if not values:
        return f"<p class=none>{escape(plot.title)}: nothing was seen.</p>"
    scale = _Logarithmic(values) if plot.is_logarithmic else _Linear(values, plot.highest)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(plot.title)}">',
        *_phases(axis),
        *_grid(scale, plot.unit),
        *(_line(line, COLOURS[index % len(COLOURS)], axis, scale) for index, line in enumerate(plot.lines)),
        *_marks(axis),
        *_seconds(axis),
        "</svg>",
    ]
    legend = "".join(
        f'<span><i style="background:{COLOURS[index % len(COLOURS)]}"></i>{escape(line.label)}</span>'
        for index, line in enumerate(plot.lines)
    )
    unit = f" <small>{escape(plot.unit)}</small>" if plot.unit else ""
    drawn, title = "".join(parts), f"{escape(plot.title)}{unit}"
    return f"<figure><figcaption>{title}</figcaption>{drawn}<div class=legend>{legend}</div></figure>"


class _Linear:
    """From zero to a round number above everything."""

    def __init__(self, values: Sequence[float], highest: float | None) -> None:
        top = highest or max(*values, 1e-9)
        step = 10 ** floor(log10(top))
        while top / step < 3:  # noqa: PLR2004 - at least three lines to read from
            step /= 2
        self._top = highest or step * ceil(top / step)
        self.ticks = [index * step for index in range(round(self._top / step) + 1)]

    def y(self, value: float) -> float:
        return _place(min(value / self._top, 1.0))


class _Logarithmic:
    """Decades from below the least to above the highest."""

    def __init__(self, values: Sequence[float]) -> None:
        self._least, most = floor(log10(min(values))), ceil(log10(max(values)))
        self._decades = max(1, most - self._least)
        self.ticks = [10.0 ** (self._least + decade) for decade in range(self._decades + 1)]

    def y(self, value: float) -> float:
        if value <= 0:
            return _place(0.0)
        return _place(min(max((log10(value) - self._least) / self._decades, 0.0), 1.0))


_Scale = _Linear | _Logarithmic


def _place(share: float) -> float:
    return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * share


def _line(line: Line, colour: str, axis: Axis, scale: _Scale) -> str:
    points = " ".join(f"{axis.x(second):.1f},{scale.y(value):.1f}" for second, value in line.points)
    return f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6" stroke-linejoin="round"/>'


def _phases(axis: Axis) -> list[str]:
    drawn = []
    for index, (name, begin, end) in enumerate(axis.phases):
        x, width = axis.x(begin), axis.x(end) - axis.x(begin)
        shade = ' class="shade"' if index % 2 else ' fill="none"'
        drawn.append(f'<rect x="{x:.1f}" y="{_TOP}" width="{width:.1f}" height="{HEIGHT - _TOP - _BOTTOM}"{shade}/>')
        drawn.append(f'<text x="{x + 4:.1f}" y="{_TOP - 8}" class="phase">{escape(name)}</text>')
    return drawn


def _marks(axis: Axis) -> list[str]:
    drawn = []
    for second, what in axis.marks:
        x = axis.x(second)
        drawn.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}" class="mark"/>')
        drawn.append(f'<text x="{x + 3:.1f}" y="{_TOP + 11}" class="done">{escape(what)}</text>')
    return drawn


def _grid(scale: _Scale, unit: str) -> list[str]:
    drawn = []
    for tick in scale.ticks:
        y = scale.y(tick)
        drawn.append(f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        shown = f"{tick:g}{'%' if unit == '%' else ''}"
        drawn.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{shown}</text>')
    return drawn


def _seconds(axis: Axis) -> list[str]:
    step = max(1, round(axis.seconds / 10))
    return [
        f'<text x="{axis.x(second):.1f}" y="{HEIGHT - 10}" text-anchor="middle">{second} s</text>'
        for second in range(0, int(axis.seconds) + 1, step)
    ]
