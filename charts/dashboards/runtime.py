"""The processes themselves: CPU, memory, the loop, garbage, traces."""

from charts.dashboards.parts import ORANGE, RED, Board, Query, graph, number, percentiles, rate, series, share, total

STARTED = series("process_start_time_seconds")

BOARD = Board(
    "runtime",
    "Runtime",
    "What the processes are and what they use: builds, CPU, memory, files, the event loop, garbage, traces.",
    {
        "Processes": [
            number(
                "Processes by Python",
                "none",
                "Which interpreter runs.",
                Query(f"count by (version) ({series('python_info')})", "Python {{version}}"),
                width=6,
            ),
            graph(
                "Time since the start, by pod",
                "s",
                "A line that falls to nothing is a restart.",
                Query(f"max by (pod) (timestamp({STARTED}) - {STARTED})", "{{pod}}"),
                runbook="SignetRestarts",
                width=9,
            ),
            graph(
                "Not ready or draining, by pod",
                "short",
                "1 while a replica takes no requests, or is about to end.",
                Query(f"1 - min by (pod) ({series('signet_ready')})", "{{pod}} not ready"),
                Query(f"max by (pod) ({series('signet_draining')})", "{{pod}} draining"),
                runbook="SignetNotReady",
                width=9,
            ),
            graph(
                "CPU by pod, cores", "short", "Seconds of CPU in a second.", rate("process_cpu_seconds_total", "pod")
            ),
            graph(
                "Resident memory by pod",
                "bytes",
                "What the limit of the container counts.",
                total("process_resident_memory_bytes"),
                runbook="SignetRestarts",
            ),
            graph(
                "Open files by pod, share of those allowed",
                "percentunit",
                "Connections are files.",
                share(total("process_open_fds"), total("process_max_fds")),
                steps=((0.7, ORANGE), (0.9, RED)),
            ),
        ],
        "Event loop": [
            graph(
                "Event loop late, p50 p95 p99",
                "s",
                "What is due runs so much later.",
                *percentiles("signet_event_loop_lag_seconds"),
                steps=((0.1, RED),),
                runbook="SignetEventLoopLag",
                width=12,
            ),
            graph(
                "Tasks by pod",
                "short",
                "One that only grows is a leak.",
                total("signet_asyncio_tasks"),
                width=12,
            ),
        ],
        "Garbage": [
            graph(
                "Collections by generation, per second",
                "ops",
                "The oldest generation stops everything for as long as it takes.",
                rate("python_gc_collections_total", "generation"),
            ),
            graph(
                "Objects collected by generation, per second",
                "ops",
                "Objects in cycles; most memory goes without this.",
                rate("python_gc_objects_collected_total", "generation"),
            ),
            graph(
                "Objects that can't be collected, per second",
                "ops",
                "None, ever.",
                rate("python_gc_objects_uncollectable_total"),
                steps=((0.001, RED),),
            ),
        ],
        "Traces": [
            graph(
                "Spans by outcome, per second",
                "ops",
                "Dropped ones did not reach the collector.",
                rate("signet_trace_spans_total", "outcome"),
                runbook="SignetSpansDropped",
                width=24,
            ),
        ],
    },
)
