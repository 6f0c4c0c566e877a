"""Every metric of the two stores and the cache over them, declared once."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from service.telemetry.metric_kinds import STORE_SECONDS, Tally, Timings, begin, most_of, sum_of

# connection: none could be had, or it broke. conflict: deadlock, or a serialization failure.
DATABASE_ERRORS = ("connection", "timeout", "read_only", "too_many_connections", "conflict", "other")


class DatabaseMetrics:
    """Postgres as this process sees it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.statement_duration = Timings(
            "signet_database_statement_duration_seconds",
            "Time of one SQL statement, by its name.",
            ("statement",),
            buckets=STORE_SECONDS,
            registry=registry,
        )
        self.pool_size = sum_of("signet_database_pool_size", "Connections that requests may use at once.", registry)
        self.pool_in_use = sum_of("signet_database_pool_in_use", "Connections in use.", registry)
        self.pool_waiting = sum_of("signet_database_pool_waiting", "Requests that wait for a connection.", registry)
        self.pool_wait = Timings(
            "signet_database_pool_wait_seconds",
            "Time a request waited for a connection, those who found one free included.",
            buckets=STORE_SECONDS,
            registry=registry,
        )
        self.pool_timeouts = Counter(
            "signet_database_pool_timeouts", "Requests that waited for a connection in vain.", registry=registry
        )
        self.errors = Counter(
            "signet_database_errors",
            "Times Postgres could not do what was asked, by kind.",
            ("kind",),
            registry=registry,
        )
        begin(self.errors, *((kind,) for kind in DATABASE_ERRORS))


class RedisMetrics:
    """Redis as this process sees it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.commands = Counter("signet_redis_commands", "Redis commands by outcome.", ("outcome",), registry=registry)
        begin(self.commands, ("failed",), ("not_asked",))
        self.answered = Tally(self.commands.labels("answered"))
        self.duration = Timings(
            "signet_redis_command_duration_seconds",
            "Time of one Redis command that was asked, its wait for a connection included.",
            buckets=STORE_SECONDS,
            registry=registry,
        )
        self.pool_size = sum_of("signet_redis_pool_size", "Redis commands that may run at once.", registry)
        self.pool_in_use = sum_of("signet_redis_pool_in_use", "Redis commands that run.", registry)
        self.breaker_open = most_of("signet_redis_breaker_open", "1 while Redis is not asked.", registry)
        self.breaker_opened = Counter(
            "signet_redis_breaker_opened", "Times Redis failed so often that it was no longer asked.", registry=registry
        )


class CacheMetrics:
    """The near cache and the shared cache."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.reads = Counter(
            "signet_cache_reads",
            "Cached reads by the tier that answered and what it had.",
            ("tier", "outcome"),
            registry=registry,
        )
        self.near_hits = Tally(self.reads.labels("near", "hit"))
        begin(self.reads, ("near", "negative"), ("near", "stale"), ("shared", "hit"), ("shared", "stale"))
        begin(self.reads, ("postgres", "loaded"), ("postgres", "negative"))
        self.load_duration = Histogram(
            "signet_cache_load_duration_seconds",
            "Time of a load from Postgres after a miss.",
            buckets=STORE_SECONDS,
            registry=registry,
        )
        self.coalesced = Counter(
            "signet_cache_coalesced", "Cached reads that waited for a fetch of another.", registry=registry
        )
        self.bypassed = Counter(
            "signet_cache_bypassed",
            "Reads that passed by the near cache because changes were read too long ago.",
            registry=registry,
        )
        self.near_entries = sum_of("signet_cache_near_entries", "Entries of the near cache.", registry)
        self.near_bytes = sum_of("signet_cache_near_bytes", "Bytes of the near cache.", registry)
        self.near_evictions = Tally(
            Counter("signet_cache_near_evictions", "Entries that the near cache had no room for.", registry=registry)
        )


class StoreMetrics:
    """The two stores and the cache over them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.database = DatabaseMetrics(registry)
        self.redis = RedisMetrics(registry)
        self.cache = CacheMetrics(registry)
        self.timings = self.database.statement_duration, self.database.pool_wait, self.redis.duration
        self.tallies = self.redis.answered, self.cache.near_hits, self.cache.near_evictions
