"""Signet: users, sessions and tokens. Read this first; it is the map.

A request comes in by `web/envelope.py`, may be answered by `web/fast_lane.py`, else goes to a room's `routes.py`,
which parses, calls one operation and renders. An operation decides inside a transaction one can see, through the
`records` of any room, and tells the other replicas through `changes`.

    app.py       where the rooms meet          wiring.py    what one process owns, built once
    lifespan.py  what runs beside requests     server.py    gunicorn, its worker, the drain
    settings.py  every setting, read once      gauges.py    what gauges show of all this
    errors.py    Problem                       clock.py     the time, corrected to Postgres'
    commands/    python -m service

    users/ sessions/ account/ oauth/ keys/ audit/   the domain: routes > operations > records, shapes, problems
    idempotency/   a promise kept for every caller
    limits/        rate limits and account lockout, for every caller too
    housekeeping/  what nobody needs any longer is deleted
    changes/       what every replica must hear of: append, announce, follow
    web/           caller, envelope, fast lane, rendering, paging, management
    security/      access tokens, refresh tokens, passwords, revocations, secrets: memory only
    storage/       tables, database, cache (near + shared), redis, migrations
    telemetry/     logs, metrics, traces, the facts of the request at hand
"""
