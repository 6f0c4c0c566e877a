"""Every metric of the service, declared once: a help sentence and a bounded set of labels, never an id."""

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

CONTENT_TYPE = CONTENT_TYPE_LATEST
_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_STATEMENT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_HASH_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2)


class HttpMetrics:
    """Requests by method, route and status. The instrumentator and the fast lane record into the same families."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "http_requests", "HTTP requests answered.", ("method", "handler", "status"), registry=registry
        )
        self.duration = Histogram(
            "http_request_duration_seconds",
            "Time from the request's arrival to the end of its answer.",
            ("method", "handler"),
            buckets=_REQUEST_SECONDS,
            registry=registry,
        )


class HashingMetrics:
    """The password hashing pool."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.duration = Histogram(
            "signet_hash_duration_seconds", "Time a password hash ran.", buckets=_HASH_SECONDS, registry=registry
        )
        self.wait = Histogram(
            "signet_hash_wait_seconds", "Time a password hash waited.", buckets=_HASH_SECONDS, registry=registry
        )
        self.depth = Gauge("signet_hash_queue_depth", "Password hashes that wait for a thread.", registry=registry)
        self.rejected = Counter(
            "signet_hash_rejected",
            "Password hashes refused: the queue was full or late.",
            ("reason",),
            registry=registry,
        )


class StoreMetrics:
    """Postgres and Redis as this process sees them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.statement_duration = Histogram(
            "signet_database_statement_duration_seconds",
            "Time of one SQL statement, by its name.",
            ("statement",),
            buckets=_STATEMENT_SECONDS,
            registry=registry,
        )
        self.pool_in_use = Gauge("signet_database_pool_in_use", "Connections in use.", registry=registry)
        self.pool_waiting = Gauge(
            "signet_database_pool_waiting", "Requests that wait for a connection.", registry=registry
        )
        self.pool_timeouts = Counter(
            "signet_database_pool_timeouts", "Requests that waited for a connection in vain.", registry=registry
        )
        self.redis_commands = Counter(
            "signet_redis_commands", "Redis commands by outcome.", ("outcome",), registry=registry
        )
        self.cache_reads = Counter(
            "signet_cache_reads", "Cached reads by the tier that answered.", ("tier",), registry=registry
        )
        # Counted plainly and folded in at each scrape: the hottest counter costs its lock only once (measured).
        self.near_reads = 0
        self.cache_coalesced = Counter(
            "signet_cache_coalesced", "Cached reads that waited for a fetch of another.", registry=registry
        )
        self.near_entries = Gauge("signet_cache_near_entries", "Entries of the near cache.", registry=registry)


class LimitMetrics:
    """Rate limits and lockout."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.enabled = Gauge("signet_limits_enabled", "1 when rate limits are in force.", registry=registry)
        self.refused = Counter("signet_limits_refused", "Requests refused, by policy.", ("policy",), registry=registry)


class HousekeepingMetrics:
    """Deleting what is too old."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.deleted = Counter("signet_housekeeping_deleted", "Rows deleted by age.", ("table",), registry=registry)
        self.last_run = Gauge(
            "signet_housekeeping_last_run_timestamp_seconds",
            "When housekeeping last came to its end.",
            registry=registry,
        )


class DomainMetrics:
    """Users, sessions and tokens."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sign_ins = Counter("signet_sign_ins", "Sign-ins by outcome.", ("outcome",), registry=registry)
        self.refreshes = Counter("signet_refreshes", "Refreshes by outcome.", ("outcome",), registry=registry)
        self.secret_unknown = Counter(
            "signet_refresh_secret_unknown",
            "Refresh tokens that name a secret no longer configured.",
            registry=registry,
        )
        self.sessions_ended = Counter(
            "signet_sessions_ended", "Sessions ended, by cause.", ("cause",), registry=registry
        )
        self.announcements_lost = Counter(
            "signet_announcements_lost",
            "Changes that could not be announced by Redis and wait for the poll.",
            registry=registry,
        )
        self.changes_age = Gauge(
            "signet_changes_last_poll_timestamp_seconds",
            "When changes were last read from Postgres.",
            registry=registry,
        )
        self.changes_seen = Counter("signet_changes_seen", "Changes heard, by way.", ("way",), registry=registry)
        self.clock_offset = Gauge(
            "signet_clock_offset_seconds", "Postgres' clock less this machine's.", registry=registry
        )


class LoopMetrics:
    """The event loop of this process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.tasks = Gauge("signet_asyncio_tasks", "Tasks of the event loop, ended ones apart.", registry=registry)


@dataclass(frozen=True, slots=True)
class Metrics:
    """All metrics of one process on a registry of their own."""

    registry: CollectorRegistry
    http: HttpMetrics
    hashing: HashingMetrics
    stores: StoreMetrics
    domain: DomainMetrics
    limits: LimitMetrics
    housekeeping: HousekeepingMetrics
    loop: LoopMetrics

    def exposition(self) -> bytes:
        near_reads, self.stores.near_reads = self.stores.near_reads, 0
        self.stores.cache_reads.labels("near").inc(near_reads)
        return generate_latest(self.registry)


def new_metrics() -> Metrics:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return Metrics(
        registry=registry,
        http=HttpMetrics(registry),
        hashing=HashingMetrics(registry),
        stores=StoreMetrics(registry),
        domain=DomainMetrics(registry),
        limits=LimitMetrics(registry),
        housekeeping=HousekeepingMetrics(registry),
        loop=LoopMetrics(registry),
    )
