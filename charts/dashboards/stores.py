"""How the stores themselves do, by postgres_exporter and redis_exporter, and what housekeeping deletes."""

from charts.dashboards.parts import BESIDE, ORANGE, RED, Board, Query, graph, rate, series

HELP = "From postgres_exporter."
REDIS = "From redis_exporter."


def _of(metric: str, matchers: str = "") -> str:
    return series(metric, matchers, BESIDE)


def _rate(metric: str, by: str, matchers: str = "") -> Query:
    return Query(f"sum by ({by}) (rate({_of(metric, matchers)}[$__rate_interval]))", f"{{{{{by}}}}}")


# What belongs to no database is counted without a name.
NAMED = 'datname!~"|template.*"'
LAST_RUN = series("signet_housekeeping_last_run_timestamp_seconds")

BOARD = Board(
    "stores",
    "Stores",
    "Postgres and Redis as their exporters see them. Without exporters only housekeeping has something to show.",
    {
        "Postgres": [
            graph(
                "Connections by state",
                "short",
                f"`idle in transaction` for long holds locks and delays revocations. {HELP}",
                Query(f"sum by (state) ({_of('pg_stat_activity_count')})", "{{state}}"),
                is_stacked=True,
                runbook="SignetDatabaseErrors",
            ),
            graph(
                "Connections, share of max_connections",
                "percentunit",
                f"The chart keeps postgres.reservedConnections free. {HELP}",
                Query(
                    f"sum by (instance) ({_of('pg_stat_activity_count')})"
                    f"\n/ on (instance) max by (instance) ({_of('pg_settings_max_connections')})",
                    "{{instance}}",
                ),
                steps=((0.8, ORANGE), (0.95, RED)),
                runbook="SignetDatabaseErrors",
            ),
            graph(
                "Oldest transaction by state",
                "s",
                f"A long one keeps old rows alive and changes unseen. {HELP}",
                Query(f"max by (state) ({_of('pg_stat_activity_max_tx_duration')})", "{{state}}"),
                steps=((60, ORANGE), (600, RED)),
                runbook="SignetRevocationLagBudgetBurn",
            ),
            graph(
                "Commits by database, per second",
                "ops",
                HELP,
                _rate("pg_stat_database_xact_commit", "datname", NAMED),
            ),
            graph(
                "Rollbacks by database, per second",
                "ops",
                HELP,
                _rate("pg_stat_database_xact_rollback", "datname", NAMED),
            ),
            graph(
                "Blocks found in memory, share",
                "percentunit",
                f"Below 99 % for long: raise shared_buffers. {HELP}",
                Query(
                    f"sum by (datname) (rate({_of('pg_stat_database_blks_hit', NAMED)}[$__rate_interval]))\n"
                    f"/ (sum by (datname) (rate({_of('pg_stat_database_blks_hit', NAMED)}[$__rate_interval])\n"
                    f"+ rate({_of('pg_stat_database_blks_read', NAMED)}[$__rate_interval])) > 0)",
                    "{{datname}}",
                ),
            ),
            graph(
                "Size by database",
                "bytes",
                HELP,
                Query(f"max by (datname) ({_of('pg_database_size_bytes', NAMED)})", "{{datname}}"),
            ),
            graph(
                "Deadlocks by database, per second",
                "ops",
                f"Signet takes locks in one order, so there should be none. {HELP}",
                _rate("pg_stat_database_deadlocks", "datname", NAMED),
                steps=((0.001, RED),),
            ),
            graph(
                "Locks by mode",
                "short",
                HELP,
                Query(f"sum by (mode) ({_of('pg_locks_count')})", "{{mode}}"),
            ),
        ],
        "Redis": [
            graph(
                "Memory in use and allowed",
                "bytes",
                f"Everything in it may be evicted. {REDIS}",
                Query(f"sum({_of('redis_memory_used_bytes')})", "in use"),
                Query(f"sum({_of('redis_memory_max_bytes')})", "allowed"),
            ),
            graph(
                "Commands, per second",
                "ops",
                REDIS,
                _rate("redis_commands_processed_total", "instance"),
            ),
            graph(
                "Evicted keys, per second",
                "ops",
                f"Entries that had to go early; each may be a load from Postgres. {REDIS}",
                _rate("redis_evicted_keys_total", "instance"),
            ),
            graph(
                "Keys found, share",
                "percentunit",
                f"Of all reads by key; limits are among them. {REDIS}",
                Query(
                    f"sum(rate({_of('redis_keyspace_hits_total')}[$__rate_interval]))\n"
                    f"/ (sum(rate({_of('redis_keyspace_hits_total')}[$__rate_interval])"
                    f" + rate({_of('redis_keyspace_misses_total')}[$__rate_interval])) > 0)",
                    "found",
                ),
                width=12,
            ),
            graph(
                "Clients",
                "short",
                REDIS,
                Query(f"sum by (instance) ({_of('redis_connected_clients')})", "{{instance}}"),
                width=12,
            ),
        ],
        "Housekeeping": [
            graph(
                "Rows deleted by table, per second",
                "ops",
                "Batches are small on purpose.",
                rate("signet_housekeeping_deleted_total", "table"),
                width=12,
            ),
            graph(
                "Since the last run, by pod",
                "s",
                "SIGNET_HOUSEKEEPING is the pause.",
                Query(f"max by (pod) (timestamp({LAST_RUN}) - ({LAST_RUN} > 0))", "{{pod}}"),
                steps=((3600, RED),),
                runbook="SignetHousekeepingBehind",
                width=12,
            ),
        ],
    },
)
