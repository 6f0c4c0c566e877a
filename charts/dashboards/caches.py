"""Which tier answers, what a miss costs, and whether caches are true."""

from charts.dashboards.parts import ORANGE, RED, Board, Query, graph, number, percentiles, rate, share, total

READS = rate("signet_cache_reads_total")
GOOD = 'tier=~"near|shared", outcome=~"hit|negative"'

BOARD = Board(
    "caches",
    "Caches",
    "Which tier answers, what a miss costs, how full memory is, and when caches are not trusted.",
    {
        "Reads": [
            number(
                "Answered without Postgres, share",
                "percentunit",
                "By memory or Redis, fresh. Depends on how often people come back within the life of an entry.",
                share(rate("signet_cache_reads_total", matchers=GOOD), READS),
                width=6,
            ),
            graph(
                "Reads by tier and outcome, per second",
                "reqps",
                "`near` is memory, `shared` is Redis, `postgres` is a load; `negative` remembers that there is none.",
                rate("signet_cache_reads_total", "tier, outcome"),
                is_stacked=True,
                width=9,
            ),
            graph(
                "Reads by tier, share",
                "percentunit",
                "Who carries the load. After a rollout `near` begins at nothing.",
                Query(
                    f"{rate('signet_cache_reads_total', 'tier').expression}\n"
                    f"/ ignoring (tier) group_left () ({READS.expression} > 0)",
                    "{{tier}}",
                ),
                width=9,
            ),
        ],
        "Loads": [
            graph(
                "Loads from Postgres, per second",
                "ops",
                "Each is a miss of both tiers that nobody else was loading already.",
                rate("signet_cache_load_duration_seconds_count"),
            ),
            graph(
                "Time of a load, p50 p95 p99",
                "s",
                "From the miss to the entry.",
                *percentiles("signet_cache_load_duration_seconds"),
                runbook="SignetLatencyBudgetBurn",
            ),
            graph(
                "Readers that waited for another's fetch, per second",
                "ops",
                "A hot entry has ended, and one of many fetched it.",
                rate("signet_cache_coalesced_total"),
            ),
        ],
        "Memory": [
            graph(
                "Entries in memory, by pod",
                "short",
                "SIGNET_NEAR_ENTRIES is the bound.",
                total("signet_cache_near_entries"),
            ),
            graph(
                "Size in memory, by pod",
                "bytes",
                "SIGNET_NEAR_BYTES is the bound.",
                total("signet_cache_near_bytes"),
            ),
            graph(
                "Evicted from memory by pod, per second",
                "ops",
                "Entries that had no room. Often: raise the bound, or the hit rate pays for it.",
                rate("signet_cache_near_evictions_total", "pod"),
            ),
        ],
        "Truth": [
            graph(
                "Stale answers by tier, per second",
                "reqps",
                "Given because Postgres did not answer.",
                rate("signet_cache_reads_total", "tier", 'outcome="stale"'),
                steps=((0.01, RED),),
                runbook="SignetStaleAnswers",
                width=12,
            ),
            graph(
                "Memory bypassed by pod, per second",
                "ops",
                "The poll of changes is late, so memory is not trusted.",
                rate("signet_cache_bypassed_total", "pod"),
                steps=((0.01, ORANGE),),
                runbook="SignetChangesBehind",
                width=12,
            ),
        ],
    },
)
