"""Which plots a report has: latency beside cache, pool and CPU."""

from collections.abc import Callable
from itertools import pairwise
from math import isfinite

from loadtests.evidence import Evidence
from loadtests.exposition import Reading, Unreadable
from loadtests.plots import Axis, Line, Plot
from loadtests.tally import CPU, Tally

_MOST_REQUESTS = 4
_ANSWERED_BY = {
    **{tier: {"tier": tier} for tier in ("near", "shared", "postgres")},
    "outdated": {"outcome": "stale"},
}


def axis_of(evidence: Evidence) -> Axis:
    scenario = evidence.scenario
    phases = [(phase.name, *scenario.span(phase.name)) for phase in scenario.phases]
    marks = [(scenario.begin(each.phase) + each.after, each.what) for each in scenario.interventions]
    return Axis(scenario.seconds, phases, marks)


def plots_of(evidence: Evidence) -> list[Plot]:
    """Choose the plots that fit; requests with the most answers come first."""
    names = sorted(evidence.tally.names(), key=lambda name: -evidence.count(name))[:_MOST_REQUESTS]
    plots = [_latency(evidence, name) for name in names]
    plots += [
        Plot("Answers", "a second", _answers(evidence)),
        Plot("Cached reads by the tier that answered", "%", _tiers(evidence), highest=100),
        Plot("Connections to Postgres", "", _pool(evidence)),
        Plot("Processor time", "% of a core", _processors(evidence)),
    ]
    return [plot for plot in plots if any(line.points for line in plot.lines)]


def _latency(evidence: Evidence, name: str) -> Plot:
    def line(share: float) -> Line:
        return Line(f"p{round(share * 100)}", _by_second(evidence, share, name))

    return Plot(f"Latency: {name}", "ms", [line(0.5), line(0.95), line(0.99)], is_logarithmic=True)


def _answers(evidence: Evidence) -> list[Line]:
    found: dict[str, dict[int, int]] = {}
    for (second, name, outcome), histogram in evidence.tally.cells.items():
        if not name.startswith(".") and outcome != "measured" and 0 <= second < evidence.scenario.seconds:
            by_second = found.setdefault(outcome, {})
            by_second[second] = by_second.get(second, 0) + sum(histogram.values())
    seconds = range(int(evidence.scenario.seconds))
    return [
        Line(outcome, [(float(second), float(counts.get(second, 0))) for second in seconds])
        for outcome, counts in sorted(found.items())
    ]


def _tiers(evidence: Evidence) -> list[Line]:
    lines = []
    total = _rates(evidence, lambda reading: reading.sum("signet_cache_reads_total"))
    for name, labels in _ANSWERED_BY.items():
        its = _rates(evidence, lambda reading, labels=labels: reading.sum("signet_cache_reads_total", **labels))  # type: ignore[misc]
        pairs = zip(its, total, strict=True)
        points = [(second, 100 * rate / all_rate) for (second, rate), (_, all_rate) in pairs if all_rate > 0]
        if any(value > 0 for _, value in points):
            lines.append(Line(name, points))
    return lines


def _pool(evidence: Evidence) -> list[Line]:
    in_use = _gauge(evidence, "signet_database_pool_in_use")
    waiting = _gauge(evidence, "signet_database_pool_waiting")
    seen = [(second, float(count)) for second, count in evidence.connections if second <= evidence.scenario.seconds]
    return [Line("in pg_stat_activity", seen), Line("in use", in_use), Line("requests waiting", waiting)]


def _processors(evidence: Evidence) -> list[Line]:
    lines = []
    for index in range(evidence.replicas):
        points = []
        moments = [each for each in evidence.moments if each.readings[index] is not None and isfinite(each.second)]
        for before, after in pairwise(moments):
            old, new = before.readings[index], after.readings[index]
            if old is not None and new is not None and after.second > before.second:
                used = new.sum("process_cpu_seconds_total") - old.sum("process_cpu_seconds_total")
                points.append((after.second, max(0.0, 100 * used / (after.second - before.second))))
        lines.append(Line(f"replica {index + 1}", _within(evidence, points)))
    return [*lines, Line("generator", _by_second(evidence, 1.0, CPU))]


def _by_second(evidence: Evidence, share: float, name: str) -> list[tuple[float, float]]:
    """Give a percentile of what is in the tally under a name, for each second in which there was anything."""
    by_second: dict[int, Tally] = {}
    for cell, histogram in evidence.tally.cells.items():
        if cell[1] == name and 0 <= cell[0] < evidence.scenario.seconds:
            by_second.setdefault(cell[0], Tally()).cells[cell] = histogram
    return [
        (float(second), found)
        for second, tally in sorted(by_second.items())
        if (found := tally.percentile(share, lambda _: True)) is not None
    ]


def _gauge(evidence: Evidence, name: str) -> list[tuple[float, float]]:
    try:
        return _within(evidence, evidence.series(lambda reading: reading.sum(name)))
    except Unreadable:
        return []


def _rates(evidence: Evidence, of: Callable[[Reading], float]) -> list[tuple[float, float]]:
    """Give how much was added a second, between every two looks."""
    try:
        points = _within(evidence, evidence.series(of))
    except Unreadable:
        return []
    pairs = pairwise(points)
    return [(after, (new - old) / (after - before)) for (before, old), (after, new) in pairs if after > before]


def _within(evidence: Evidence, points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [point for point in points if 0 <= point[0] <= evidence.scenario.seconds]
