"""The figures gates speak of. Each is a function of what a run has left behind."""

from collections.abc import Iterable

from loadtests.evidence import Evidence
from loadtests.exposition import Unreadable
from loadtests.gates import Figure

_READS = "signet_cache_reads_total"
_LOST = ("replayed", "unknown", "ended", "expired", "inactive", "garbage")
_STATEMENTS = "signet_database_statement_duration_seconds_count"


def p(share: float, name: str, phase: str | None = None, *, outcome: str | None = None) -> Figure:
    """Give a latency of requests in milliseconds: `p(0.99, "read", "load")`."""
    return lambda evidence: evidence.percentile(share, name, phase, outcome=outcome)


def ratio(above: Figure, below: Figure) -> Figure:
    def figure(evidence: Evidence) -> float:
        divisor = below(evidence)
        if not divisor:
            raise Unreadable("there is nothing to compare with")
        return above(evidence) / divisor

    return figure


def refused_share(names: Iterable[str], allowed: Iterable[str], *phases: str) -> Figure:
    """Give the part of these requests that came to anything else than allowed; of all phases, if none is named."""
    listed, good = tuple(names), frozenset(allowed)

    def figure(evidence: Evidence) -> float:
        outcomes = [
            item for name in listed for phase in phases or (None,) for item in evidence.outcomes(name, phase).items()
        ]
        total = sum(count for _, count in outcomes)
        if not total:
            raise Unreadable(f"nobody asked for: {', '.join(listed)}")
        return sum(count for outcome, count in outcomes if outcome not in good) / total

    return figure


def answered(name: str, outcome: str, phase: str | None = None) -> Figure:
    """Count the answers of a kind; unreadable where nobody asked."""

    def figure(evidence: Evidence) -> float:
        if not evidence.count(name, phase):
            raise Unreadable(f"nobody asked for: {name}")
        return float(evidence.count(name, phase, outcome=outcome))

    return figure


def slowest_refusal(names: Iterable[str], phase: str) -> Figure:
    """Give the p99 until a 503 of the requests that waited longest for one; 0 where nobody was refused."""
    listed = tuple(names)

    def figure(evidence: Evidence) -> float:
        # Not all of them need to be asked: who may not even read does not edit.
        if not any(evidence.count(name, phase) for name in listed):
            raise Unreadable(f"nobody asked for: {', '.join(listed)}")
        refused = [name for name in listed if evidence.count(name, phase, outcome="503")]
        return max((evidence.percentile(0.99, name, phase, outcome="503") for name in refused), default=0.0)

    return figure


def counted(metric: str, phase: str | None = None, **labels: str) -> Figure:
    """Give what all replicas have counted."""
    return lambda evidence: evidence.delta(phase).sum(metric, **labels)


def sessions_lost(*refreshes: str) -> Figure:
    """Count the refreshes that told a client to sign in again: as replicas counted them, or clients if these saw more.

    Such a 401 is counted here and is no refusal, which would pass when it is tried again.
    """

    def figure(evidence: Evidence) -> float:
        ended = sum(counted("signet_refreshes_total", outcome=outcome)(evidence) for outcome in _LOST)
        return max(ended, float(sum(evidence.count(name, outcome="401") for name in refreshes)))

    return figure


def near_share(evidence: Evidence) -> float:
    delta = evidence.delta()
    total = delta.sum(_READS)
    if not total:
        raise Unreadable("no read was counted")
    return delta.sum(_READS, tier="near") / total


def shared_share(evidence: Evidence) -> float:
    """Give the part of what the near tier did not answer that the shared tier did."""
    delta = evidence.delta()
    beyond = delta.sum(_READS) - delta.sum(_READS, tier="near")
    if not beyond:
        raise Unreadable("every read was answered by the near tier")
    return delta.sum(_READS, tier="shared") / beyond


def loads(evidence: Evidence) -> float:
    """Give how many profiles were loaded from Postgres."""
    return evidence.delta().sum(_STATEMENTS, statement="users.find")


def most_loads(evidence: Evidence) -> float:
    """Give how many loads there may be: each process one for each person asked for, and one more after each write.

    After a write one process loads, and the others find in the shared tier what it has put there.
    """
    writes = evidence.delta().sum(_STATEMENTS, statement="users.edit")
    return len(evidence.seen) * evidence.replicas + writes


def pool_waits_over(seconds: float) -> Figure:
    """Count the waits for a connection that took longer; `seconds` is a bound of the metric's buckets."""

    def figure(evidence: Evidence) -> float:
        delta, metric = evidence.delta(), "signet_database_pool_wait_seconds"
        return delta.sum(f"{metric}_count") - delta.sum(f"{metric}_bucket", le=str(seconds))

    return figure


def statements_per(requests: Iterable[str], of: str) -> Figure:
    """Give how many statements whose names begin with `of` ran for each such request, all phases together."""
    listed = frozenset(requests)

    def figure(evidence: Evidence) -> float:
        asked = evidence.tally.count(lambda cell: cell[1] in listed)
        if not asked:
            raise Unreadable(f"nobody asked for: {', '.join(sorted(listed))}")
        ran = evidence.delta().by(_STATEMENTS, "statement")
        return sum(count for name, count in ran.items() if name.startswith(of)) / asked

    return figure


def connections(evidence: Evidence) -> float:
    """Give the most connections that were seen at once; Postgres is asked five times a second."""
    if not evidence.connections:
        raise Unreadable("pg_stat_activity could not be read")
    return float(max(count for _, count in evidence.connections))


def cpu_seconds(evidence: Evidence, phase: str) -> float:
    return evidence.delta(phase).sum("process_cpu_seconds_total")
