"""What a dashboard is made of, before it is Grafana's: boards, rows, panels and queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

RUNBOOKS = "https://github.com/signet/signet/blob/main/docs/runbooks"
# A replica, as the variables choose it; and a release, for what the rules recorded of it.
REPLICA = 'namespace=~"$namespace", job=~"$release", pod=~"$pod"'
RELEASE = 'namespace=~"$namespace", job=~"$release"'
# A load test of a release tells what its generators see, by a job of its own.
LOADTEST = 'namespace=~"$namespace", job=~"$release-loadtest"'
# Stores have exporters with jobs of their own.
BESIDE = 'namespace=~"$namespace"'

GREEN, ORANGE, RED = "green", "orange", "red"
Steps = tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Query:
    """One expression, and how its series are called."""

    expression: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """`kind` is graph or number. Steps are (from this value on, this colour); below the first it is green."""

    kind: str
    title: str
    unit: str
    description: str
    queries: tuple[Query, ...]
    steps: Steps = ()
    runbook: str = ""
    is_stacked: bool = False
    has_exemplars: bool = False
    width: int = 8
    lowest_is_red: bool = False


@dataclass(frozen=True)
class Board:
    """A dashboard answers one question."""

    name: str
    title: str
    description: str
    rows: Mapping[str, Sequence[Panel]]
    has_pods: bool = True


def graph(title: str, unit: str, description: str, *queries: Query, **more: object) -> Panel:
    return Panel("graph", title, unit, description, queries, **more)  # type: ignore[arg-type]


def number(title: str, unit: str, description: str, *queries: Query, **more: object) -> Panel:
    return Panel("number", title, unit, description, queries, **{"width": 4, **more})  # type: ignore[arg-type]


def series(metric: str, matchers: str = "", place: str = REPLICA) -> str:
    """Select a metric of the chosen replicas."""
    return f"{metric}{{{place}{', ' if matchers else ''}{matchers}}}"


def rate(metric: str, by: str = "", matchers: str = "", place: str = REPLICA) -> Query:
    """Count a second, by a label; the legend is the label's value."""
    return Query(f"sum{_by(by)} (rate({series(metric, matchers, place)}[$__rate_interval]))", _legend(by))


def total(metric: str, by: str = "pod", matchers: str = "", place: str = REPLICA) -> Query:
    """Add a gauge up, by a label."""
    return Query(f"sum{_by(by)} ({series(metric, matchers, place)})", _legend(by))


def percentile(percent: float, histogram: str, by: str = "", matchers: str = "", *, place: str = REPLICA) -> Query:
    """Estimate a percentile of a histogram; the legend says which."""
    labels = f"{by}, le" if by else "le"
    counted = f"sum by ({labels}) (rate({series(f'{histogram}_bucket', matchers, place)}[$__rate_interval]))"
    legend = f"{_legend(by)} p{percent:g}" if by else f"p{percent:g}"
    return Query(f"histogram_quantile({percent / 100:g}, {counted})", legend)


def percentiles(histogram: str, matchers: str = "", place: str = REPLICA) -> tuple[Query, ...]:
    return tuple(percentile(percent, histogram, matchers=matchers, place=place) for percent in (50, 95, 99))


def share(part: Query, whole: Query, legend: str = "") -> Query:
    """Divide one by another; where nothing happens there is no share."""
    return Query(f"{part.expression}\n/ ({whole.expression} > 0)", legend or part.legend)


def _by(label: str) -> str:
    return f" by ({label})" if label else ""


def _legend(by: str) -> str:
    return " ".join(f"{{{{{label.strip()}}}}}" for label in by.split(",")) if by else "all"
