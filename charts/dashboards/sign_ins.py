"""Who tries to get in, who does, and what stands in the way: limits, hashing, attacks."""

from charts.dashboards.parts import (
    GREEN,
    ORANGE,
    RED,
    Board,
    Query,
    graph,
    number,
    percentile,
    percentiles,
    rate,
    series,
    share,
    total,
)

DESERVED = rate("signet_sign_ins_total", matchers='outcome=~"signed_in|failed"')
BUSY = Query(f"sum(rate({series('signet_hash_duration_seconds_sum')}[$__rate_interval]))")
THREADS = Query(f"sum({series('signet_hash_threads')})")

BOARD = Board(
    "sign-ins",
    "Sign-ins",
    "From the attempt to the session: outcomes, limits and lockout, and the hashing that costs most of the CPU.",
    {
        "Outcome": [
            number(
                "Of right passwords let in, share",
                "percentunit",
                "Sign-ins that failed by our fault are missing from it; refused ones don't count.",
                share(rate("signet_sign_ins_total", matchers='outcome="signed_in"'), DESERVED),
                steps=((0.99, ORANGE), (0.999, GREEN)),
                lowest_is_red=True,
                runbook="SignetSignInBudgetBurn",
            ),
            number(
                "Of all attempts refused, share",
                "percentunit",
                "Wrong passwords, limits and lockouts. Every office has its own normal; a jump is an attack.",
                share(rate("signet_sign_ins_total", matchers='outcome="refused"'), rate("signet_sign_ins_total")),
                steps=((0.5, ORANGE), (0.8, RED)),
                runbook="SignetCredentialStuffing",
            ),
            graph(
                "Sign-ins by outcome, per second",
                "reqps",
                "Signed in, refused for a reason of the caller's, failed for one of ours.",
                rate("signet_sign_ins_total", "outcome"),
                is_stacked=True,
            ),
            graph(
                "Refused and failed by reason, per second",
                "reqps",
                "`credentials_wrong`, `locked_out` and `limited` grow in an attack; `hash_queue`, `pool`, `store` and "
                "`error` are our fault.",
                rate("signet_sign_ins_total", "outcome, reason", 'outcome!="signed_in"'),
                runbook="SignetCredentialStuffing",
            ),
            graph(
                "Registrations by status, per second",
                "reqps",
                "201 is a new account, 409 an address that exists, 429 a limit.",
                rate("http_requests_total", "status", 'method="POST", handler="/v1/users"'),
                width=12,
            ),
            graph(
                "Time of a sign-in, p50 p95 p99",
                "s",
                "Most of it is the hash, on purpose.",
                *percentiles("http_request_duration_seconds", 'method="POST", handler="/v1/sessions"'),
                has_exemplars=True,
                runbook="SignetLatencyBudgetBurn",
                width=12,
            ),
        ],
        "Limits": [
            number(
                "Limits in force",
                "none",
                "0 where somebody turned them off.",
                Query(f"min({series('signet_limits_enabled')})"),
                steps=((1, GREEN),),
                lowest_is_red=True,
                runbook="SignetLimitsOff",
            ),
            graph(
                "Refused by limit, per second",
                "reqps",
                "`lockout` is the growing delay after wrong passwords.",
                rate("signet_limits_refused_total", "policy"),
                is_stacked=True,
                runbook="SignetCredentialStuffing",
                width=7,
            ),
            graph(
                "Charged by Redis or by each replica for itself, per second",
                "reqps",
                "`share` is what a replica counts for itself while Redis is away.",
                rate("signet_limits_charged_total", "by"),
                width=7,
            ),
            graph(
                "Known devices past a lockout, per second",
                "reqps",
                "Owners who get in although somebody guesses their password.",
                rate("signet_lockout_passes_total"),
                width=6,
            ),
        ],
        "Hashing": [
            graph(
                "Threads that hash, share in use",
                "percentunit",
                "At 100 % the next one waits.",
                share(BUSY, THREADS, "in use"),
                steps=((0.7, ORANGE), (0.9, RED)),
                runbook="SignetHashQueue",
            ),
            graph(
                "Hashes that wait, by pod",
                "short",
                "Past SIGNET_HASH_QUEUE they are refused.",
                total("signet_hash_queue_depth"),
                runbook="SignetHashQueue",
            ),
            graph(
                "Hashes refused by reason, per second",
                "ops",
                "The queue was full, or the wait too long; each is a 503.",
                rate("signet_hash_rejected_total", "reason"),
                steps=((0.1, RED),),
                runbook="SignetHashQueue",
            ),
            graph(
                "Time a hash waits, p50 p95 p99",
                "s",
                "Past SIGNET_HASH_WAIT it is refused.",
                *percentiles("signet_hash_wait_seconds"),
                steps=((0.5, RED),),
                runbook="SignetHashQueue",
                width=12,
            ),
            graph(
                "Time a hash takes, p50 p99",
                "s",
                "Its cost is a setting; when it grows by itself the node is full.",
                percentile(50, "signet_hash_duration_seconds"),
                percentile(99, "signet_hash_duration_seconds"),
                width=12,
            ),
        ],
    },
)
