"""What each alert is for, and what it must stay silent about, as series that promtool plays to the shipped rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from charts.slos import OBJECTIVES, Objective

# Each case has a namespace of its own, so that one playing can have many.
OWN = 'job="signet", namespace="NAMESPACE"'
POD = f'{OWN}, pod="signet-1"'
PAGE, TICKET = "page", "ticket"
# A replica that does nothing and lacks nothing.
HEALTHY = {
    "signet_build_info": "1x{n}",
    "signet_ready": "1x{n}",
    "signet_draining": "0x{n}",
    "signet_limits_enabled": "1x{n}",
    "signet_redis_breaker_open": "0x{n}",
    "process_start_time_seconds": "1x{n}",
}


@dataclass(frozen=True)
class Case:
    """Series for so many minutes, and exactly the alerts that fire at their end."""

    name: str
    series: Mapping[str, str]
    fires: frozenset[tuple[str, str]] = frozenset()
    minutes: int = 40
    without: frozenset[str] = field(default=frozenset())

    def played_in(self, namespace: str) -> list[dict[str, str]]:
        """Return all series, in promtool's form."""
        healthy = {f"{name}{{{POD}}}": text for name, text in HEALTHY.items() if name not in self.without}
        return [
            {"series": series.replace("NAMESPACE", namespace), "values": text.format(n=self.minutes)}
            for series, text in {**healthy, **self.series}.items()
        ]


def playing(cases: Sequence[Case]) -> dict[str, Any]:
    """One playing of cases that are equally long: exactly these alerts fire, each in its namespace."""
    minutes = cases[0].minutes
    return {
        "interval": "1m",
        "input_series": [series for number, case in enumerate(cases) for series in case.played_in(f"case-{number}")],
        "promql_expr_test": [
            {
                "expr": 'count by (namespace, alertname, severity) (ALERTS{alertstate="firing"})',
                "eval_time": f"{minutes}m",
                "exp_samples": [
                    {"labels": f'{{{_place(alert, number)}alertname="{alert}", severity="{severity}"}}', "value": 1}
                    for number, case in enumerate(cases)
                    for alert, severity in sorted(case.fires)
                ],
            }
        ],
    }


def _place(alert: str, number: int) -> str:
    return "" if alert == "SignetNoData" else f'namespace="case-{number}", '


def fault(alert: str, severity: str, series: Mapping[str, str], *without: str, minutes: int = 40) -> Case:
    return Case(f"{alert} fires", series, frozenset({(alert, severity)}), minutes, frozenset(without))


def near_miss(alert: str, series: Mapping[str, str], *without: str, minutes: int = 40) -> Case:
    return Case(f"{alert} is silent", series, frozenset(), minutes, frozenset(without))


def _counter(name: str, labels: str, per_minute: str) -> dict[str, str]:
    return {f"{name}{{{POD}, {labels}}}" if labels else f"{name}{{{POD}}}": f"0+{per_minute}x{{n}}"}


def _waits(histogram: str, within: Mapping[str, str], count: str) -> dict[str, str]:
    """A histogram whose buckets grow by so much each minute."""
    buckets = {f'{histogram}_bucket{{{POD}, le="{le}"}}': f"0+{rate}x{{n}}" for le, rate in within.items()}
    return {
        **buckets,
        f'{histogram}_bucket{{{POD}, le="+Inf"}}': f"0+{count}x{{n}}",
        f"{histogram}_count{{{POD}}}": f"0+{count}x{{n}}",
    }


def _of_gauge(alert: str, severity: str, name: str, *, bad: str, good: str, minutes: int = 40) -> list[Case]:
    return [
        fault(alert, severity, {f"{name}{{{POD}}}": bad}, name, minutes=minutes),
        near_miss(alert, {f"{name}{{{POD}}}": good}, name, minutes=minutes),
    ]


# Absence knows no namespace, so each of these is played alone.
ABSENT = Case("SignetNoData fires", {}, frozenset({("SignetNoData", PAGE)}), 40, frozenset(HEALTHY))
ABSENT_SHORTLY = near_miss("SignetNoData", {f"signet_build_info{{{POD}}}": "1x30 _x4 1x{n}"}, "signet_build_info")
# promtool's clock begins at 0, so an age is had by an instant that stands still, or lags behind.
CAUSES = [
    *_of_gauge("SignetNotReady", TICKET, "signet_ready", bad="0x{n}", good="1x30 0x3 1x{n}"),
    near_miss("SignetNotReady", {f"signet_ready{{{POD}}}": "0x{n}", f"signet_draining{{{POD}}}": "1x{n}"},
              "signet_ready", "signet_draining"),
    *_of_gauge("SignetRestarts", TICKET, "process_start_time_seconds", bad="1x20 2x4 3x4 4x{n}", good="1x20 2x4 3x{n}"),
    fault("SignetEventLoopLag", TICKET, _waits("signet_event_loop_lag_seconds", {"0.1": "80", "0.25": "120"}, "120")),
    near_miss("SignetEventLoopLag", _waits("signet_event_loop_lag_seconds", {"0.1": "120", "0.25": "120"}, "120")),
    fault("SignetPoolWaiting", TICKET,
          _waits("signet_database_pool_wait_seconds", {"0.1": "500", "0.25": "600"}, "600")),
    near_miss("SignetPoolWaiting", _waits("signet_database_pool_wait_seconds", {"0.1": "590", "0.25": "600"}, "600")),
    # One person at night who waits is no queue.
    near_miss("SignetPoolWaiting", _waits("signet_database_pool_wait_seconds", {"0.1": "0", "0.25": "1"}, "1")),
    fault("SignetDatabaseErrors", TICKET, _counter("signet_database_errors_total", 'kind="connection"', "60")),
    near_miss("SignetDatabaseErrors", _counter("signet_database_errors_total", 'kind="timeout"', "3")),
    near_miss("SignetDatabaseErrors", _counter("signet_database_errors_total", 'kind="conflict"', "60")),
    *_of_gauge("SignetStoreBreakerOpen", TICKET, "signet_redis_breaker_open", bad="1x30 0 1x{n}", good="0x38 1 0"),
    fault("SignetStaleAnswers", TICKET,
          _counter("signet_cache_reads_total", 'tier="near", outcome="stale"', "60")),
    near_miss("SignetStaleAnswers", _counter("signet_cache_reads_total", 'tier="near", outcome="hit"', "60")),
    fault("SignetHousekeepingBehind", TICKET,
          {f"signet_housekeeping_last_run_timestamp_seconds{{{POD}}}": "60x{n}"}, minutes=100),
    fault("SignetHousekeepingBehind", TICKET,
          {f"signet_housekeeping_last_run_timestamp_seconds{{{POD}}}": "0x{n}"}, minutes=100),
    near_miss("SignetHousekeepingBehind",
              {f"signet_housekeeping_last_run_timestamp_seconds{{{POD}}}": "0x30 1800x20 3000x{n}"}, minutes=100),
    fault("SignetChangesBehind", PAGE,
          {f"signet_changes_last_poll_timestamp_seconds{{{POD}}}": "0+60x35 2100x{n}"}),
    near_miss("SignetChangesBehind", {f"signet_changes_last_poll_timestamp_seconds{{{POD}}}": "-2+60x{n}"}),
    *_of_gauge("SignetClockOffset", TICKET, "signet_clock_offset_seconds", bad="-5.5x{n}", good="4.5x{n}"),
    *_of_gauge("SignetKeysNotRotated", TICKET, "signet_signing_key_age_seconds",
               bad="3024100+60x{n}", good="2678400+60x{n}", minutes=90),
    fault("SignetRefreshSecretUnknown", PAGE, _counter("signet_refresh_secret_unknown_total", "", "1")),
    near_miss("SignetRefreshSecretUnknown", _counter("signet_refresh_secret_unknown_total", "", "0.5")),
    *_of_gauge("SignetLimitsOff", TICKET, "signet_limits_enabled", bad="0x{n}", good="1x20 0x5 1x{n}"),
    fault("SignetReplaySpike", TICKET, _counter("signet_refreshes_total", 'outcome="replayed"', "1")),
    near_miss("SignetReplaySpike", _counter("signet_refreshes_total", 'outcome="replayed"', "0.5")),
    fault("SignetCredentialStuffing", TICKET, {
        **_counter("signet_sign_ins_total", 'outcome="refused", reason="credentials_wrong"', "50"),
        **_counter("signet_sign_ins_total", 'outcome="signed_in", reason="none"', "5"),
    }),
    # Monday morning: many mistype, and most get in.
    near_miss("SignetCredentialStuffing", {
        **_counter("signet_sign_ins_total", 'outcome="refused", reason="credentials_wrong"', "50"),
        **_counter("signet_sign_ins_total", 'outcome="signed_in", reason="none"', "300"),
    }),
    # One person who has forgotten a password at night.
    near_miss("SignetCredentialStuffing",
              _counter("signet_sign_ins_total", 'outcome="refused", reason="credentials_wrong"', "2")),
    fault("SignetHashQueue", TICKET, _counter("signet_hash_rejected_total", 'reason="full"', "60")),
    fault("SignetHashQueue", TICKET, _waits("signet_hash_wait_seconds", {"0.5": "50", "1.0": "60"}, "60")),
    near_miss("SignetHashQueue", {
        **_counter("signet_hash_rejected_total", 'reason="late"', "3"),
        **_waits("signet_hash_wait_seconds", {"0.5": "59", "1.0": "60"}, "60"),
    }),
    fault("SignetSpansDropped", TICKET,
          _counter("signet_trace_spans_total", 'outcome="dropped"', "60"), minutes=60),
    near_miss("SignetSpansDropped", _counter("signet_trace_spans_total", 'outcome="exported"', "60"), minutes=60),
]  # fmt: skip

EVENTS_A_MINUTE = 600.0
HTTP, SECONDS = "http_requests_total", "http_request_duration_seconds"


def series_of(slo: Objective, events: str, errors: str, good: str) -> dict[str, str]:
    """Return what a replica counts when of these events so many are errors: counters in promtool's notation."""
    slow = {
        "latency-reads": ('method="GET", handler="/v1/users/me"', "0.05"),
        "latency-all": ('method="POST", handler="/v1/sessions"', "1.0"),
        "verification": ('method="GET", handler="/v1/verify"', "0.025"),
    }
    if slo.name == "availability":
        place = f'{POD}, method="GET", handler="/v1/users/me"'
        return {f'{HTTP}{{{place}, status="200"}}': good, f'{HTTP}{{{place}, status="503"}}': errors}
    if slo.name == "sign-in":
        return {
            f'signet_sign_ins_total{{{POD}, outcome="signed_in", reason="none"}}': good,
            f'signet_sign_ins_total{{{POD}, outcome="failed", reason="store"}}': errors,
        }
    if slo.name == "revocation-lag":
        return _observed("signet_changes_lag_seconds", f'{POD}, way="poll"', events, {"1.0": good})
    labels, boundary = slow[slo.name]
    # Slower than this objective allows, and fast enough for all others.
    buckets = {le: good if float(le) <= float(boundary) else events for le in ("0.025", "0.05", "1.0")}
    others = {} if slo.name != "verification" else {f'{HTTP}{{{POD}, {labels}, status="200"}}': events}
    return _observed(SECONDS, f"{POD}, {labels}", events, buckets) | others


def _observed(histogram: str, labels: str, events: str, buckets: Mapping[str, str]) -> dict[str, str]:
    counted = {f'{histogram}_bucket{{{labels}, le="{le}"}}': text for le, text in buckets.items()}
    return {f"{histogram}_count{{{labels}}}": events, **counted}


def burning(slo: Objective, times: float) -> dict[str, str]:
    """Errors at so many times the rate that spends the budget in exactly 30 days."""
    errors = EVENTS_A_MINUTE * slo.budget * times
    return series_of(slo, f"0+{EVENTS_A_MINUTE}x{{n}}", f"0+{errors}x{{n}}", f"0+{EVENTS_A_MINUTE - errors}x{{n}}")


def night(slo: Objective) -> dict[str, str]:
    """A request every ten minutes, and some errors at once: a large share of few."""
    few = slo.least_errors // 2
    events, errors = "0x9 1x9 2x9 3x9", f"0x450 {few}x{{n}}"
    return series_of(slo, f"{events} 3x411 {3 + few}x{{n}}", errors, f"{events} 3x{{n}}")


# At full speed: an hour is enough for the page.
FAST = [
    Case(
        f"{slo.name} burns",
        burning(slo, 20),
        frozenset({(slo.alert, PAGE), (slo.alert, TICKET)}),
        minutes=75,
    )
    for slo in OBJECTIVES
]
# Over a working day: worn down, nearly worn down, and asleep.
SLOW = [
    case
    for slo in OBJECTIVES
    for case in (
        Case(f"{slo.name} wears down", burning(slo, 1.5), frozenset({(slo.alert, TICKET)}), minutes=480),
        Case(f"{slo.name} is just kept", burning(slo, 0.9), minutes=480),
        Case(f"{slo.name} at night", night(slo), minutes=480),
    )
]
