"""The service level objectives, and the Prometheus rules that follow from them: `charts/signet/rules/slos.yaml`.

Every objective is a share of good events in 30 days. Two rates are recorded for it, events and errors over five
minutes; everything longer is a sum of these, so that three days cost little more to ask for than an hour, and a busy
minute counts for more than a quiet one.
"""

from dataclasses import dataclass
from typing import Any

import yaml

RUNBOOKS = "https://github.com/signet/signet/blob/main/docs/runbooks"
# The chart puts the release's own job and namespace in its place; as a plain file it wants this job.
JOB = 'job="signet"'
BY = "by (namespace, job)"
VERIFY = 'handler=~"/v1/verify.*"'
LONGER_WINDOWS = ("30m", "1h", "2h", "6h", "1d", "3d", "30d")
# Burn rate, long window, short window: the share of the budget each may spend is that of Google's SRE workbook.
PAGES = ((14.4, "1h", "5m"), (6.0, "6h", "30m"))
TICKETS = ((3.0, "1d", "2h"), (1.0, "3d", "6h"))


@dataclass(frozen=True)
class Objective:
    """A promise: of these events, this share is good. Nobody is called for fewer errors than `least_errors`."""

    name: str
    alert: str
    target: float
    events: str
    errors: str
    promise: str
    least_errors: int = 10

    @property
    def budget(self) -> float:
        return round(1 - self.target, 6)


def _rate(series: str) -> str:
    return f"sum {BY} (rate({series}[5m]))"


def _count(metric: str, matchers: str = "") -> str:
    return _rate(f"{metric}{{{', '.join(part for part in (JOB, matchers) if part)}}}")


def _slower(histogram: str, seconds: str, matchers: str = "") -> str:
    """Observations above a boundary of the histogram. Rates of new series are guesses, and may differ below 0."""
    within = ", ".join(part for part in (matchers, f'le="{seconds}"') if part)
    return f"clamp_min({_count(f'{histogram}_count', matchers)}\n- {_count(f'{histogram}_bucket', within)}, 0)"


OBJECTIVES = (
    Objective(
        "availability",
        "SignetAvailabilityBudgetBurn",
        0.999,
        events=_count("http_requests_total"),
        errors=_count("http_requests_total", 'status=~"5.."'),
        promise="99.9 % of requests are answered with something else than a 5xx",
    ),
    Objective(
        "latency-reads",
        "SignetLatencyBudgetBurn",
        0.99,
        events=_count("http_request_duration_seconds_count", 'method="GET"'),
        errors=_slower("http_request_duration_seconds", "0.05", 'method="GET"'),
        promise="99 % of GETs are answered within 50 ms",
    ),
    Objective(
        "latency-all",
        "SignetLatencyBudgetBurn",
        0.999,
        events=_count("http_request_duration_seconds_count"),
        errors=_slower("http_request_duration_seconds", "1.0"),
        promise="99.9 % of all requests are answered within a second, password hashes included",
    ),
    Objective(
        "sign-in",
        "SignetSignInBudgetBurn",
        0.999,
        # A wrong password is an answer. What is refused does not count, or an attack would hide a fault.
        events=_count("signet_sign_ins_total", 'outcome=~"signed_in|failed"'),
        errors=_count("signet_sign_ins_total", 'outcome="failed"'),
        promise="99.9 % of sign-ins with right credentials succeed",
    ),
    Objective(
        "verification",
        "SignetVerificationBudgetBurn",
        0.9995,
        events=_count("http_request_duration_seconds_count", VERIFY),
        # What is both slow and a 5xx counts twice: it should not happen at all.
        errors=_slower("http_request_duration_seconds", "0.025", VERIFY)
        + "\n+ ("
        + _count("http_requests_total", f'{VERIFY}, status=~"5.."')
        + f" or 0 * {_count('http_requests_total', VERIFY)})",
        promise="99.95 % of verifications are answered within 25 ms and not with a 5xx",
    ),
    Objective(
        "revocation-lag",
        "SignetRevocationLagBudgetBurn",
        0.999,
        events=_count("signet_changes_lag_seconds_count"),
        errors=_slower("signet_changes_lag_seconds", "1.0"),
        promise="99.9 % of changes are in force in a replica within a second of being made",
        # There are few changes, and each late one is a token that was accepted too long.
        least_errors=3,
    ),
)


def rules() -> str:
    """Print the rule file."""
    groups: list[dict[str, Any]] = [
        {"name": f"signet-slo-{slo.name}", "interval": "30s", "rules": [*_recordings(slo), *_alerts(slo)]}
        for slo in OBJECTIVES
    ]
    head = "# Written by `make chart` from charts/slos.py; change that.\n"
    return head + yaml.dump({"groups": groups}, Dumper=_Dumper, sort_keys=False, width=120)


def _recordings(slo: Objective) -> list[dict[str, Any]]:
    labels = {"slo": slo.name}
    own = f'{{slo="{slo.name}", {JOB}}}'
    errors, events = f"signet:slo_errors:rate5m{own}", f"signet:slo_events:rate5m{own}"
    made = {
        "signet:slo_events:rate5m": slo.events,
        # No error yet means no series yet: that is none, not nothing known.
        "signet:slo_errors:rate5m": f"(\n{slo.errors}\n)\nor on (namespace, job) 0 * {events}",
        "signet:slo_errors:ratio_rate5m": f"{errors} / ({events} > 0)",
        **{
            f"signet:slo_errors:ratio_rate{window}": (
                f"sum_over_time({errors}[{window}])\n/ (sum_over_time({events}[{window}]) > 0)"
            )
            for window in LONGER_WINDOWS
        },
        "signet:slo_objective:ratio": f"0 * {events} + {slo.target}",
        "signet:slo_burn_rate:ratio_rate1h": f"signet:slo_errors:ratio_rate1h{own} / {slo.budget}",
        "signet:slo_budget_remaining:ratio": f"1 - signet:slo_errors:ratio_rate30d{own} / {slo.budget}",
    }
    return [{"record": name, "expr": expression, "labels": labels} for name, expression in made.items()]


def _alerts(slo: Objective) -> list[dict[str, Any]]:
    return [
        {
            "alert": slo.alert,
            "expr": "\nor\n".join(_burning(slo, *pair) for pair in pairs),
            "labels": {"severity": severity, "slo": slo.name},
            "annotations": {
                "summary": f"{{{{ $labels.job }}}} {speed} the error budget of its objective {slo.name}.",
                "description": f"{slo.promise}: that is the promise for 30 days. Errors at this rate {lasting}; "
                "over the shorter window they are {{ $value | humanizePercentage }} of all.",
                "runbook_url": f"{RUNBOOKS}/{slo.alert}.md",
            },
        }
        for severity, pairs, speed, lasting in (
            ("page", PAGES, "burns", "spend it in less than five days"),
            ("ticket", TICKETS, "wears down", "spend it before the 30 days are over"),
        )
    ]


def _burning(slo: Objective, rate: float, long: str, short: str) -> str:
    """Fast enough to matter in both windows, and more than a handful of errors: at night one of three is no trend."""
    own = f'{{slo="{slo.name}", {JOB}}}'
    return (
        f"(\n  signet:slo_errors:ratio_rate{short}{own} > {rate:g} * {slo.budget}\n"
        f"  and signet:slo_errors:ratio_rate{long}{own} > {rate:g} * {slo.budget}\n"
        f"  and 300 * sum_over_time(signet:slo_errors:rate5m{own}[{long}:5m]) >= {slo.least_errors}\n)"
    )


class _Dumper(yaml.SafeDumper):
    """Writes expressions of several lines as such."""


def _as_it_reads(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _as_it_reads)
_Dumper.ignore_aliases = lambda *_: True  # type: ignore[method-assign]
