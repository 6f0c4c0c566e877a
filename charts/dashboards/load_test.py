"""A load test as both sides see it: Locust, by its exporter, beside the service."""

from charts.dashboards.parts import BESIDE, Board, Query, graph, percentile, percentiles, rate, series, share, total

NAMED = 'name!="Aggregated"'
LOCUST = "From locust_exporter, beside Locust's master."


def _of(metric: str, matchers: str = "") -> str:
    return series(metric, matchers, BESIDE)


STATEMENTS = rate("signet_database_statement_duration_seconds_count")
REQUESTS = rate("http_requests_total")

BOARD = Board(
    "load-test",
    "Load test",
    "Locust on the left, the service on the right: what was asked, what was answered, what became scarce first.",
    {
        "Asked and answered": [
            graph("Users", "short", LOCUST, Query(f"sum({_of('locust_users')})", "users")),
            graph(
                "Requests as Locust sees them",
                "reqps",
                LOCUST,
                Query(f"sum by (name) ({_of('locust_requests_current_rps', NAMED)})", "{{name}}"),
            ),
            graph("Requests by status, per second", "reqps", "As the service sees them.",
                  rate("http_requests_total", "status"), is_stacked=True),
            graph(
                "Failures as Locust sees them",
                "reqps",
                LOCUST,
                Query(f"sum by (name) ({_of('locust_requests_current_fail_per_sec')})", "{{name}}"),
            ),
            graph(
                "Time of an answer as Locust sees it, p95",
                "ms",
                f"With the way there, and with what waits in the client. {LOCUST}",
                Query(f"max({_of('locust_requests_current_response_time_percentile_95')})", "p95"),
            ),
            graph("Time of an answer, p50 p95 p99", "s", "Without the way there.",
                  *percentiles("http_request_duration_seconds")),
        ],
        "What became scarce": [
            graph("Connections in use by pod, share", "percentunit", "At 100 % the next request waits.",
                  share(total("signet_database_pool_in_use"), total("signet_database_pool_size"))),
            graph("Time a request waits for a connection, p99", "s", "What a gate of the load test is about.",
                  percentile(99, "signet_database_pool_wait_seconds")),
            graph("Statements for each request", "short", "Caches that help make it fall.",
                  Query(f"{STATEMENTS.expression}\n/ ({REQUESTS.expression} > 0)", "statements")),
            graph("Reads by tier, per second", "reqps", "Who carries the load.",
                  rate("signet_cache_reads_total", "tier"), is_stacked=True),
            graph("Time a hash waits, p99", "s", "Sign-ins and nothing else wait for it.",
                  percentile(99, "signet_hash_wait_seconds")),
            graph("CPU by pod, cores", "short", "What usually ends first.", rate("process_cpu_seconds_total", "pod")),
        ],
    },
)  # fmt: skip
