"""create_app(settings): where the rooms meet."""

import logging
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

import service.account.routes
import service.keys.routes
import service.oauth.routes
import service.sessions.routes
import service.users.admin_routes
import service.users.routes
import service.web.docs
import service.web.pages
from service.clock import Clock
from service.errors import InternalError, Overloaded, Problem, StoreAway
from service.gauges import Gauges
from service.keys.rotating import KeyUnreadable
from service.lifespan import lifespan, reload_keys
from service.oauth import rendering as oauth_rendering
from service.oauth.problems import OAuthProblem
from service.security.claims import Claims
from service.sessions import records as sessions
from service.settings import Settings
from service.storage import DatabaseAway, DatabaseBusy, schema
from service.telemetry.logs import RequestLog
from service.telemetry.metrics import new_metrics
from service.telemetry.recording import Recording
from service.telemetry.sharing import Shared
from service.telemetry.traces import Tracing
from service.users import rendering as users_rendering
from service.web.caller import Gate
from service.web.cors import VARY, Cors
from service.web.describing import describe
from service.web.edge import Proxies, standing_headers
from service.web.envelope import EdgeRules, Envelope, Telling
from service.web.fast_lane import FastLane, Warm
from service.web.instrumentator import Instrumentator
from service.web.management import Check, Lifecycle, create_management
from service.web.rendering import problem_answer
from service.web.validation import problem_of_http, problem_of_validation
from service.wiring import Parts, build

DESCRIPTION = "Users, sessions and tokens for every other service in a cluster."
EXPOSED_HEADERS = ["ETag", "Location", "Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-Id"]
ROUTERS = (
    service.users.routes.router,
    service.sessions.routes.router,
    service.users.admin_routes.router,
    service.account.routes.router,
    service.oauth.routes.router,
    service.keys.routes.router,
    service.web.docs.router,
    service.web.pages.router,
)


def create_app(settings: Settings, clock: Clock | None = None, shared: Shared | None = None) -> Envelope:
    """Build the whole application: the ASGI callable that the server runs and the tests call."""
    clock = clock or Clock()
    parts = build(settings, clock, new_metrics(shared))
    lifecycle = Lifecycle()
    parts.metrics.readings.append(Gauges(parts, lifecycle, _version()).read)
    if settings.limits == "off":
        logging.getLogger(__name__).warning("RATE LIMITS ARE OFF: passwords can be guessed as fast as they are hashed")
    recording = Recording(
        RequestLog(sys.stdout.fileno(), is_console=settings.log_format == "console"), parts.metrics.http
    )
    tracing = Tracing(settings, _version(), parts.metrics.traces)
    telling = Telling(tracing, recording, lifecycle)
    api = create_api(parts, telling)
    lane = _fast_lane(parts, api.state.gate)
    management = create_management(lifecycle, parts.metrics, _startup_checks(parts))
    return Envelope(api, management, lane, _edge_rules(settings), telling)


def describe_app(settings: Settings) -> dict[str, Any]:
    """Describe the API (OpenAPI 3.1) without touching any store."""
    parts = build(settings, Clock(), new_metrics())
    recording = Recording(RequestLog(sys.stdout.fileno(), is_console=True), parts.metrics.http)
    telling = Telling(Tracing(settings, _version(), parts.metrics.traces), recording, Lifecycle())
    return create_api(parts, telling).openapi()


def create_api(parts: Parts, telling: Telling) -> FastAPI:
    """Build the FastAPI application: routes, refusals, description."""
    settings = parts.settings

    @asynccontextmanager
    async def living(_: FastAPI) -> AsyncIterator[None]:
        async with lifespan(parts, telling.lifecycle, telling.tracing):
            yield

    api = FastAPI(
        title="Signet",
        version=_version(),
        lifespan=living,
        # web/docs.py serves the description, encoded once.
        openapi_url=None,
        redirect_slashes=False,
        # The envelope traces and the instrumentator counts; the framework's own would cost and double.
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )
    _fill_state(api, parts)
    _add_routes(api)
    _add_refusals(api)
    if settings.cors_origins:
        api.add_middleware(
            Cors,
            allow_origins=settings.cors_origins,
            allow_credentials=settings.cors_credentials,
            allow_methods=["*"],
            allow_headers=["Authorization", "Content-Type", "If-Match", "If-None-Match", "Idempotency-Key"],
            expose_headers=EXPOSED_HEADERS,
        )
    api.add_middleware(
        Instrumentator,
        should_group_status_codes=False,
        instrumentations=(telling.recording.instrumented,),
        registry=parts.metrics.registry,
    )
    api.openapi = lambda: describe(api, DESCRIPTION, settings.public_url)  # type: ignore[method-assign]  # FastAPI's way
    return api


def _add_routes(api: FastAPI) -> None:
    """Add the routes of all routers, not the routers: an included one is matched twice for each request (measured)."""
    for router in ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute):
                route.operation_id = route.name
            api.router.routes.append(route)


def _fill_state(api: FastAPI, parts: Parts) -> None:
    """Put what routes ask for where their accessors look."""
    for field in fields(parts.operations):
        setattr(api.state, field.name, getattr(parts.operations, field.name))
    api.state.settings = parts.settings
    api.state.charging = parts.charging
    api.state.clock = parts.clock
    api.state.secrets = parts.security.secrets
    api.state.ring = parts.security.ring
    api.state.gate = _gate(parts)


def _gate(parts: Parts) -> Gate:
    async def is_standing(claims: Claims) -> bool:
        return await parts.stores.database.read(sessions.is_standing, claims.session_id, claims.epoch)

    async def load_keys() -> None:
        try:
            await reload_keys(parts)
        except KeyUnreadable as error:
            # That key may have signed this token. The log has it from the duty that reloads.
            raise StoreAway from error

    security = parts.security
    return Gate(
        tokens=security.tokens,
        revocations=security.revocations,
        clock=parts.clock,
        load_keys=load_keys,
        is_standing=is_standing,
        pulse=parts.pulse,
        max_age_seconds=parts.settings.revocation_max_age.total_seconds(),
    )


def _fast_lane(parts: Parts, gate: Gate) -> FastLane:
    """Fill the lane with the two hottest answers, for when all they need is in memory."""

    def own_profile(claims: Claims) -> Warm | None:
        entry = parts.operations.profiles.find_near(claims.user_key)
        return users_rendering.answer(entry) if entry is not None and entry.body else None

    lane = FastLane(gate)
    lane.add("GET", "/v1/users/me", own_profile)
    lane.add_prefix("/v1/verify", oauth_rendering.verified)
    return lane


def _edge_rules(settings: Settings) -> EdgeRules:
    return EdgeRules(
        management_port=settings.management_port,
        trusted_hosts=frozenset(host.lower().encode() for host in settings.trusted_hosts),
        deadline_seconds=settings.request_timeout.total_seconds(),
        headers=[
            *standing_headers(is_https=settings.public_url.startswith("https://")),
            *([VARY] if settings.cors_origins else []),
        ],
        proxies=Proxies.of(settings.proxy_header, settings.trusted_proxies),
    )


def _startup_checks(parts: Parts) -> dict[str, tuple[Check, bool]]:
    async def schema_fits() -> None:
        fault = await parts.stores.database.read(schema.find_fault)
        if fault is not None:
            raise LookupError(fault)

    async def keys_loaded() -> None:
        if not len(parts.security.ring):
            raise LookupError("no signing key is loaded")

    async def changes_loaded() -> None:
        if parts.pulse.age == float("inf"):
            raise LookupError("changes have not been read")

    return {
        "postgres": (schema_fits, True),
        "keys": (keys_loaded, True),
        "changes": (changes_loaded, True),
        "redis": (parts.stores.redis.ping, False),
    }


def _add_refusals(api: FastAPI) -> None:
    async def refuse(_: Request, error: Exception) -> Response:
        return problem_answer(cast("Problem", error))

    async def refuse_oauth(_: Request, error: Exception) -> Response:
        return service.oauth.routes.oauth_refusal(cast("OAuthProblem", error))

    async def refuse_invalid(_: Request, error: Exception) -> Response:
        return problem_answer(problem_of_validation(cast("RequestValidationError", error)))

    async def refuse_http(request: Request, error: Exception) -> Response:
        return problem_answer(problem_of_http(cast("HTTPException", error), request))

    async def refuse_away(_: Request, error: Exception) -> Response:
        return problem_answer(Overloaded() if isinstance(error, DatabaseBusy) else StoreAway())

    async def refuse_unexpected(_: Request, __: Exception) -> Response:
        return problem_answer(InternalError())

    api.add_exception_handler(Problem, refuse)
    api.add_exception_handler(OAuthProblem, refuse_oauth)
    api.add_exception_handler(RequestValidationError, refuse_invalid)
    api.add_exception_handler(HTTPException, refuse_http)
    api.add_exception_handler(DatabaseAway, refuse_away)
    api.add_exception_handler(Exception, refuse_unexpected)


def _version() -> str:
    try:
        return version("signet")
    except PackageNotFoundError:
        return "0.1.0"
