"""Do tokens live and die as they should: refreshing, verifying, revoking, and the keys that sign."""

from charts.dashboards.parts import (
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
)

POLLED = series("signet_changes_last_poll_timestamp_seconds")
VERIFY = 'handler=~"/v1/verify.*"'

BOARD = Board(
    "tokens",
    "Tokens and revocation",
    "Refreshes and replays, verification, how fast a revocation is in force, signing keys and clocks.",
    {
        "Refreshing": [
            graph(
                "Refreshes by outcome, per second",
                "reqps",
                "`repeated` are retries within the grace, `moved_forward` shows that Postgres has lost a commit.",
                rate("signet_refreshes_total", "outcome"),
                is_stacked=True,
            ),
            graph(
                "Replays, share of refreshes",
                "percentunit",
                "Used tokens that came back too late. Each has ended a session.",
                share(rate("signet_refreshes_total", matchers='outcome="replayed"'), rate("signet_refreshes_total")),
                runbook="SignetReplaySpike",
            ),
            graph(
                "Refused for a secret that is missing, per second",
                "reqps",
                "More than none after a rotation of secrets: put the former one back.",
                rate("signet_refresh_secret_unknown_total"),
                steps=((0.01, RED),),
                runbook="SignetRefreshSecretUnknown",
            ),
            graph(
                "Sessions ended by cause, per second",
                "ops",
                "By their owner, by an admin, by a new password, by a replay, by their number.",
                rate("signet_sessions_ended_total", "cause"),
                is_stacked=True,
                width=24,
            ),
        ],
        "Verifying": [
            graph(
                "Verifications by status, per second",
                "reqps",
                "What gateways ask. 401 is an answer, 503 is a fault.",
                rate("http_requests_total", "status", VERIFY),
                is_stacked=True,
                runbook="SignetVerificationBudgetBurn",
                width=12,
            ),
            graph(
                "Time of a verification, p50 p95 p99",
                "s",
                "From memory; what grows here is the CPU or the event loop.",
                *percentiles("http_request_duration_seconds", VERIFY),
                steps=((0.025, RED),),
                has_exemplars=True,
                runbook="SignetVerificationBudgetBurn",
                width=12,
            ),
        ],
        "Revoking": [
            graph(
                "From a change to its being in force, by way, p99",
                "s",
                "The promise is 50 ms with Redis and a second without.",
                percentile(99, "signet_changes_lag_seconds", "way"),
                steps=((0.05, ORANGE), (1, RED)),
                runbook="SignetRevocationLagBudgetBurn",
            ),
            graph(
                "Changes heard by way, per second",
                "ops",
                "Everything by `poll` means that Redis announces nothing.",
                rate("signet_changes_seen_total", "way"),
            ),
            graph(
                "Announcements lost, per second",
                "ops",
                "Changes that Redis did not take; the poll brings them.",
                rate("signet_announcements_lost_total"),
                runbook="SignetStoreBreakerOpen",
            ),
            graph(
                "Age of the last poll of changes, by pod",
                "s",
                "At the moment of the scrape; half a second is normal.",
                Query(f"max by (pod) (timestamp({POLLED}) - {POLLED})", "{{pod}}"),
                steps=((5, RED),),
                runbook="SignetChangesBehind",
                width=12,
            ),
            graph(
                "Clock of Postgres less the machine's, by pod",
                "s",
                "Corrected for; offline verifiers don't.",
                Query(f"max by (pod) ({series('signet_clock_offset_seconds')})", "{{pod}}"),
                steps=((5, RED),),
                runbook="SignetClockOffset",
                width=12,
            ),
        ],
        "Signing": [
            number(
                "Age of the key that signs",
                "s",
                "A successor is due after 30 days, or what SIGNET_KEY_ROTATION says.",
                Query(f"max({series('signet_signing_key_age_seconds')})"),
                steps=((31 * 86400, ORANGE), (35 * 86400, RED)),
                runbook="SignetKeysNotRotated",
                width=8,
            ),
            graph(
                "Signing keys by state",
                "short",
                "`next` is published and does not sign yet, `retiring` verifies what it has signed.",
                Query(f"max by (state) ({series('signet_signing_keys')})", "{{state}}"),
                width=16,
            ),
        ],
    },
)
