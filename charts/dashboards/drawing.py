"""From a board to the JSON that Grafana reads, by Grafana's own SDK."""

from collections.abc import Callable
from itertools import count

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.common import DataSourceRef as Source
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
    VariableSort,
)

from charts.dashboards.parts import GREEN, RED, RUNBOOKS, Board, Panel, Query

SOURCE = Source(type_val="prometheus", uid="${source}")
TAG = "signet"
HEIGHT = 8
Drawn = timeseries.Panel | stat.Panel


def draw(board: Board) -> str:
    """Return the dashboard as JSON; the same board gives the same text."""
    drawn = (
        dashboard.Dashboard(f"Signet / {board.title}")
        .uid(f"signet-{board.name}")
        .description(board.description)
        .tags([TAG])
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .refresh("30s")
        .time("now-1h", "now")
        .timezone("browser")
        .annotation(_deploys())
        .link(dashboard.DashboardLink("Signet").type(DashboardLinkType.DASHBOARDS).tags([TAG]).include_vars(True)
              .keep_time(True).as_dropdown(True))
        .link(dashboard.DashboardLink("Runbooks").type(DashboardLinkType.LINK).url(f"{RUNBOOKS}/README.md")
              .icon("doc").target_blank(True))
    )  # fmt: skip
    for variable in _variables(board):
        drawn.with_variable(variable)
    # A panel's number is its address; without one Grafana would give it another at each import.
    numbers = count(1)
    for title, panels in board.rows.items():
        drawn.with_row(dashboard.Row(title).id(next(numbers)))
        for panel in panels:
            drawn.with_panel(_panel(panel).id(next(numbers)))
    return JSONEncoder(sort_keys=True, indent=2).encode(drawn.build())


def _variables(board: Board) -> list[dashboard.DatasourceVariable | dashboard.QueryVariable]:
    chosen: list[dashboard.DatasourceVariable | dashboard.QueryVariable] = [
        dashboard.DatasourceVariable("source").label("Data source").type("prometheus"),
        _chosen("namespace", "Namespace", "label_values(signet_build_info, namespace)"),
        _chosen("release", "Release", 'label_values(signet_build_info{namespace=~"$namespace"}, job)'),
    ]
    if board.has_pods:
        pods = 'label_values(signet_build_info{namespace=~"$namespace", job=~"$release"}, pod)'
        chosen.append(_chosen("pod", "Pod", pods))
    return chosen


def _chosen(name: str, label: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .query(query)
        .datasource(SOURCE)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        # All of these, not `.*`: other programs have requests and processes, too.
        .include_all(True)
    )


def _deploys() -> dashboard.AnnotationQuery:
    """Mark the moments from which on a version runs that did not run five minutes earlier."""
    running = 'count by (version) (signet_build_info{namespace=~"$namespace", job=~"$release"}'
    return (
        dashboard.AnnotationQuery()
        .name("Deploys")
        .datasource(SOURCE)
        .enable(True)
        .icon_color("blue")
        .expr(f"{running}) unless {running} offset 5m)")
    )


def _panel(panel: Panel) -> Drawn:
    drawn = DRAWING[panel.kind](panel)
    drawn.title(panel.title).description(panel.description).unit(panel.unit).datasource(SOURCE)
    drawn.span(panel.width).height(HEIGHT).thresholds(_thresholds(panel))
    for number, query in enumerate(panel.queries):
        drawn.with_target(_target(panel, query, number))
    if panel.runbook:
        link = dashboard.DashboardLink(panel.runbook).type(DashboardLinkType.LINK)
        drawn.links([link.url(f"{RUNBOOKS}/{panel.runbook}.md").target_blank(True)])
    return drawn


def _graph(panel: Panel) -> timeseries.Panel:
    drawn = (
        timeseries.Panel()
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING))
        .fill_opacity(40 if panel.is_stacked else 8)
        .line_width(1)
        .axis_soft_min(0)
    )
    if panel.is_stacked:
        drawn.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    if panel.steps:
        drawn.thresholds_style(common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED))
    return drawn


def _number(_: Panel) -> stat.Panel:
    return (
        stat.Panel()
        .graph_mode(BigValueGraphMode.AREA)
        .color_mode(BigValueColorMode.VALUE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )


DRAWING: dict[str, Callable[[Panel], Drawn]] = {"graph": _graph, "number": _number}


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    lowest = RED if panel.lowest_is_red else GREEN
    steps = [Threshold(value=None, color=lowest), *(Threshold(value, color) for value, color in panel.steps)]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def _target(panel: Panel, query: Query, number: int) -> prometheus.Dataquery:
    drawn = prometheus.Dataquery().expr(query.expression).ref_id(chr(ord("A") + number)).datasource(SOURCE)
    if query.legend:
        drawn.legend_format(query.legend)
    return drawn.range().exemplar(True) if panel.has_exemplars else drawn.range()
