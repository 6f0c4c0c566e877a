"""Are the promises kept, and if not, who is hurt? The first dashboard of an alert."""

from charts.dashboards.parts import (
    GREEN,
    ORANGE,
    RED,
    RELEASE,
    Board,
    Query,
    graph,
    number,
    percentile,
    percentiles,
    rate,
    series,
    share,
    total,
)


def _of_slo(metric: str) -> Query:
    return Query(series(metric, place=RELEASE), "{{slo}}")


BOARD = Board(
    "overview",
    "Overview",
    "Objectives and their budgets, then rate, errors and duration of requests, then the replicas.",
    {
        "Promises": [
            number(
                "Error budget left of 30 days, share",
                "percentunit",
                "What is left of the errors that 30 days may have. Below zero the promise is broken.",
                _of_slo("signet:slo_budget_remaining:ratio"),
                steps=((0, ORANGE), (0.25, GREEN)),
                lowest_is_red=True,
                width=12,
            ),
            graph(
                "Alerts that fire",
                "short",
                "Nothing here is good news. Each alert's runbook has its name.",
                Query(
                    f'count by (alertname, severity) (ALERTS{{{RELEASE}, alertstate="firing"}})',
                    "{{alertname}} ({{severity}})",
                ),
                is_stacked=True,
                width=12,
            ),
            graph(
                "Burn rate over an hour",
                "short",
                "1 spends the budget in exactly 30 days; a page begins at 14.4, or at 6 over six hours.",
                _of_slo("signet:slo_burn_rate:ratio_rate1h"),
                steps=((1, ORANGE), (14.4, RED)),
                width=12,
            ),
            graph(
                "Errors of each objective over five minutes, share",
                "percentunit",
                "How each objective does now; what is an error differs from one to the next.",
                _of_slo("signet:slo_errors:ratio_rate5m"),
                width=12,
            ),
        ],
        "Requests": [
            graph(
                "Requests by status, per second",
                "reqps",
                "Everything answered on the public port.",
                rate("http_requests_total", "status"),
                is_stacked=True,
                runbook="SignetAvailabilityBudgetBurn",
            ),
            graph(
                "Answered with 5xx by route, share",
                "percentunit",
                "What clients see as Signet's fault.",
                share(rate("http_requests_total", "handler", 'status=~"5.."'), rate("http_requests_total", "handler")),
                steps=((0.001, RED),),
                runbook="SignetAvailabilityBudgetBurn",
            ),
            graph(
                "Time of an answer, p50 p95 p99",
                "s",
                "All routes together; an exemplar leads to the trace of a single request.",
                *percentiles("http_request_duration_seconds"),
                steps=((1, RED),),
                has_exemplars=True,
                runbook="SignetLatencyBudgetBurn",
            ),
            graph(
                "Requests by route, per second",
                "reqps",
                "The ten busiest.",
                Query(
                    f"topk(10, {rate('http_requests_total', 'method, handler').expression})", "{{method}} {{handler}}"
                ),
                width=12,
            ),
            graph(
                "Time of an answer by route, p99",
                "s",
                "The ten slowest.",
                Query(
                    "topk(10, " + percentile(99, "http_request_duration_seconds", "method, handler").expression + ")",
                    "{{method}} {{handler}} p99",
                ),
                width=12,
            ),
        ],
        "Replicas": [
            number(
                "Ready replicas",
                "none",
                "Those that take requests.",
                Query(f"sum({series('signet_ready')})"),
                steps=((1, ORANGE), (2, GREEN)),
                lowest_is_red=True,
                runbook="SignetNotReady",
            ),
            number(
                "Draining replicas",
                "none",
                "Those that are about to end and serve what they have.",
                Query(f"sum({series('signet_draining')})"),
            ),
            graph(
                "Replicas by version",
                "short",
                "A rollout as it goes; the blue lines in other graphs are these moments.",
                Query(f"count by (version) ({series('signet_build_info')})", "{{version}}"),
                is_stacked=True,
                width=16,
            ),
            graph(
                "CPU by pod, cores",
                "short",
                "Seconds of CPU in a second. One process can use little more than a core, beside its hashing.",
                rate("process_cpu_seconds_total", "pod"),
                width=12,
            ),
            graph(
                "Memory by pod",
                "bytes",
                "Resident. Compare it with the limit of the container.",
                total("process_resident_memory_bytes"),
                runbook="SignetRestarts",
                width=12,
            ),
        ],
    },
)
