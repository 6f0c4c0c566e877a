"""A load test as both sides see it: the generator, which tells metrics of its own, beside the service."""

from charts.dashboards.parts import (
    LOADTEST,
    RED,
    Board,
    Query,
    graph,
    number,
    percentile,
    percentiles,
    rate,
    share,
    total,
)

# What a generator may use of its core before a run is void: loadtests/gates.py.
MOST_CPU = 0.8
# The verdict is read once before the run is gone: it has to be seen in whichever step of the graph that was.
GATES = f"last_over_time(signet_loadtest_gate_kept{{{LOADTEST}}}[$__rate_interval])"
STATEMENTS = rate("signet_database_statement_duration_seconds_count")
REQUESTS = rate("http_requests_total")

BOARD = Board(
    "load-test",
    "Load test",
    "What simulated users asked for and got, what the service says of it, and what became scarce first.",
    {
        "Asked and answered": [
            graph("Users", "short", "Simulated users of all generators.",
                  Query(total("signet_loadtest_users", "", place=LOADTEST).expression, "users")),
            graph("Requests by name, per second", "reqps", "As simulated users see them.",
                  rate("signet_loadtest_requests_total", "name", place=LOADTEST), is_stacked=True),
            graph("Requests by status, per second", "reqps", "As the service sees them, with those of anybody else.",
                  rate("http_requests_total", "status"), is_stacked=True),
            graph("Unexpected answers by name, per second", "reqps", "A refusal that a scenario is about is expected.",
                  rate("signet_loadtest_unexpected_total", "name", place=LOADTEST)),
            graph("Time of an answer to a user, p50 p95 p99", "s",
                  "From the instant a request was due: with what waits in the client, and the way there.",
                  *percentiles("signet_loadtest_request_duration_seconds", place=LOADTEST)),
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
        "What the run is worth": [
            graph("Busiest generator's core, share", "percentunit",
                  "A generator that uses more than 80 % says nothing about the service: the run is void.",
                  Query(f"max (signet_loadtest_generator_cpu_ratio{{{LOADTEST}}})", "busiest"),
                  steps=((MOST_CPU, RED),)),
            graph("Turns left out, per second", "ops", "A generator that falls behind makes a run void, too.",
                  Query(rate("signet_loadtest_turns_skipped_total", place=LOADTEST).expression, "turns")),
            number("Gates kept", "none", "Told when the run has been judged.", Query(f"sum ({GATES})", "kept")),
            number("Gates not kept", "none", "Told when the run has been judged; the report says which, and why.",
                   Query(f"count ({GATES}) - sum ({GATES})", "not kept"),
                   steps=((1, RED),)),
        ],
    },
)  # fmt: skip
