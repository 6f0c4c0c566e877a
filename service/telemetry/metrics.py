"""Every metric of the service, declared once: a help sentence and a bounded set of labels, never an id.

What a gauge shows is read when somebody looks (`Metrics.readings`), and what a hot path counts is counted plainly and
folded in then: neither costs a request anything. Those of the stores are declared in `store_metrics.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics import disable_created_metrics
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from service.telemetry.metric_kinds import RequestTally, Tally, Timings, begin, least_of, most_of, sum_of
from service.telemetry.sharing import GarbageMetrics, Shared
from service.telemetry.store_metrics import StoreMetrics

SIGN_INS = (
    ("signed_in", "none"),
    *(("refused", reason) for reason in ("credentials_wrong", "suspended", "overtaken", "locked_out", "limited")),
    *(("failed", reason) for reason in ("hash_queue", "pool", "store", "error")),
)
REFRESHES = (
    *("rotated", "repeated", "moved_forward", "replayed", "unknown", "ended", "expired", "inactive", "garbage"),
    *("unsettled", "failed"),
)
_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_HASH_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2)
_LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class HttpMetrics:
    """Requests by method, route and status. The instrumentator and the fast lane record into the same families."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "http_requests", "HTTP requests answered.", ("method", "handler", "status"), registry=registry
        )
        self.duration = Timings(
            "http_request_duration_seconds",
            "Time from the request's arrival to the end of its answer.",
            ("method", "handler"),
            buckets=_REQUEST_SECONDS,
            registry=registry,
        )
        self._tallies: list[RequestTally] = []

    def tally(self, method: str, route: str, status: str) -> RequestTally:
        """Begin to count requests of one kind plainly, for the fast lane; they are seen like all others."""
        made = RequestTally(Tally(self.requests.labels(method, route, status)), self.duration.labels(method, route))
        self._tallies.append(made)
        return made

    def fold(self) -> None:
        for tally in self._tallies:
            tally.fold()


class HashingMetrics:
    """The password hashing pool."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.duration = Timings(
            "signet_hash_duration_seconds", "Time a password hash ran.", buckets=_HASH_SECONDS, registry=registry
        )
        self.wait = Timings(
            "signet_hash_wait_seconds",
            "Time a password hash waited for a thread; those that found one free are left out.",
            buckets=_HASH_SECONDS,
            registry=registry,
        )
        self.depth = sum_of("signet_hash_queue_depth", "Password hashes that wait for a thread.", registry)
        self.threads = sum_of("signet_hash_threads", "Threads that hash passwords.", registry)
        self.rejected = Counter(
            "signet_hash_rejected",
            "Password hashes refused: the queue was full or late.",
            ("reason",),
            registry=registry,
        )
        begin(self.rejected, ("full",), ("late",))


class LimitMetrics:
    """Rate limits and lockout."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.enabled = most_of("signet_limits_enabled", "1 when rate limits are in force.", registry)
        self.refused = Counter("signet_limits_refused", "Requests refused, by policy.", ("policy",), registry=registry)
        self.charged = Counter(
            "signet_limits_charged",
            "Requests held against a limit: in Redis with all replicas, or against this process' share without it.",
            ("by",),
            registry=registry,
        )
        self.charged_in_redis = Tally(self.charged.labels("redis"))
        self.charged_here = Tally(self.charged.labels("share"))
        self.lockout_passes = Counter(
            "signet_lockout_passes", "Sign-ins from a known device that a lockout did not keep out.", registry=registry
        )


class HousekeepingMetrics:
    """Deleting what is too old."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.deleted = Counter("signet_housekeeping_deleted", "Rows deleted by age.", ("table",), registry=registry)
        self.last_run = Gauge(
            "signet_housekeeping_last_run_timestamp_seconds",
            "When housekeeping last came to its end.",
            registry=registry,
            multiprocess_mode="max",
        )


class DomainMetrics:
    """Users, sessions and tokens."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sign_ins = Counter(
            "signet_sign_ins", "Sign-ins by outcome and reason.", ("outcome", "reason"), registry=registry
        )
        begin(self.sign_ins, *SIGN_INS)
        self.signed_in = Tally(self.sign_ins.labels("signed_in", "none"))
        self.refreshes = Counter("signet_refreshes", "Refreshes by outcome.", ("outcome",), registry=registry)
        begin(self.refreshes, *((outcome,) for outcome in REFRESHES))
        self.secret_unknown = Counter(
            "signet_refresh_secret_unknown",
            "Refresh tokens that name a secret no longer configured.",
            registry=registry,
        )
        self.sessions_ended = Counter(
            "signet_sessions_ended", "Sessions ended, by cause.", ("cause",), registry=registry
        )


class ChangeMetrics:
    """How changes reach this process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.announcements_lost = Counter(
            "signet_announcements_lost",
            "Changes that could not be announced by Redis and wait for the poll.",
            registry=registry,
        )
        self.last_poll = Gauge(
            "signet_changes_last_poll_timestamp_seconds",
            "When changes were last read from Postgres.",
            registry=registry,
            multiprocess_mode="livemin",
        )
        self.seen = Counter("signet_changes_seen", "Changes heard, by way.", ("way",), registry=registry)
        begin(self.seen, ("redis",), ("poll",), ("load",))
        self.lag = Histogram(
            "signet_changes_lag_seconds",
            "Time from a change of another process to its being in force in this one, by the way it came first.",
            ("way",),
            buckets=_LAG_SECONDS,
            registry=registry,
        )
        for way in ("redis", "poll"):
            self.lag.labels(way)
        self.clock_offset = Gauge(
            "signet_clock_offset_seconds",
            "Postgres' clock less this machine's.",
            registry=registry,
            multiprocess_mode="livemostrecent",
        )


class ProcessMetrics:
    """This process: its event loop, its state, its build, its signing keys."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.tasks = sum_of("signet_asyncio_tasks", "Tasks of the event loop, ended ones apart.", registry)
        self.loop_lag = Histogram(
            "signet_event_loop_lag_seconds",
            "How much later than asked the event loop came back, four times a second.",
            buckets=_LAG_SECONDS,
            registry=registry,
        )
        self.ready = least_of("signet_ready", "1 when this process takes requests, as /readyz says.", registry)
        self.draining = most_of("signet_draining", "1 when this process is about to end.", registry)
        self.build = most_of("signet_build_info", "The build that runs.", registry, ("version", "python_version"))
        self.signing_key_age = most_of("signet_signing_key_age_seconds", "Age of the key that signs.", registry)
        self.signing_keys = most_of("signet_signing_keys", "Signing keys by state.", registry, ("state",))


class TraceMetrics:
    """What became of spans."""

    def __init__(self, registry: CollectorRegistry) -> None:
        spans = Counter(
            "signet_trace_spans",
            "Spans that the collector took, and spans that were lost.",
            ("outcome",),
            registry=registry,
        )
        self.exported, self.dropped = spans.labels("exported"), spans.labels("dropped")


@dataclass(frozen=True, slots=True)
class Metrics:
    """All metrics of one process on a registry of their own. `readings` are what is done before each look.

    With several workers, `shown` is what a scraper sees: all of them, as files say it; `registry` is this one's part.
    """

    registry: CollectorRegistry
    shown: CollectorRegistry
    http: HttpMetrics
    hashing: HashingMetrics
    stores: StoreMetrics
    domain: DomainMetrics
    changes: ChangeMetrics
    limits: LimitMetrics
    housekeeping: HousekeepingMetrics
    process: ProcessMetrics
    traces: TraceMetrics
    readings: list[Callable[[], None]]

    def exposition(self, accepted: str = "") -> tuple[bytes, str]:
        """Write everything in the format that is accepted, OpenMetrics with exemplars or plain; gives its type too."""
        self.read()
        encode, content_type = choose_encoder(accepted)
        return encode(self.shown), content_type

    def read(self) -> None:
        """Set what is only set when somebody looks. A worker whose neighbours may be asked does so all the time."""
        for read in self.readings:
            read()
        self.http.fold()
        timings = (*self.stores.timings, self.hashing.duration, self.hashing.wait)
        tallies = (*self.stores.tallies, self.limits.charged_in_redis, self.limits.charged_here, self.domain.signed_in)
        for counted in (*timings, *tallies):
            counted.fold()

    @property
    def are_shared(self) -> bool:
        return self.shown is not self.registry


def new_metrics(shared: Shared | None = None) -> Metrics:
    """Make all metrics; `shared` when several workers are scraped as one."""
    # A second series for each, and nothing here reads them.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    readings: list[Callable[[], None]] = []
    if shared is None:
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
    else:
        readings.append(GarbageMetrics(registry).read)
    return Metrics(
        registry=registry,
        shown=shared.registry() if shared else registry,
        readings=readings,
        http=HttpMetrics(registry),
        hashing=HashingMetrics(registry),
        stores=StoreMetrics(registry),
        domain=DomainMetrics(registry),
        changes=ChangeMetrics(registry),
        limits=LimitMetrics(registry),
        housekeeping=HousekeepingMetrics(registry),
        process=ProcessMetrics(registry),
        traces=TraceMetrics(registry),
    )
