"""The one ASGI middleware: ids, fast lane, deadline, headers of every answer, log line, no exception past it."""

import asyncio
import logging
from dataclasses import dataclass
from time import perf_counter

from fastapi import FastAPI
from opentelemetry.trace import Span, use_span
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.errors import InternalError, Problem, StoreAway
from service.telemetry import facts
from service.telemetry.facts import Facts
from service.telemetry.logs import log_failure
from service.telemetry.recording import Recording, route_of
from service.telemetry.traces import Tracing, note_failure
from service.web.bodies import READING
from service.web.edge import Proxies, request_id
from service.web.fast_lane import FastLane, RawHeaders
from service.web.management import Lifecycle
from service.web.problems import BodyLate, DeadlineExceeded, HostUnknown
from service.web.rendering import problem_answer
from service.web.shortcuts import Shortcuts

logger = logging.getLogger(__name__)

_CLOSE = (b"connection", b"close")
# What is answered before the start is over: it needs nothing that is loaded, or refuses by itself until it has that.
_BEFORE_START = ("/v1/verify", "/.well-known/", "/docs", "/openapi.json", "/problems")


@dataclass(frozen=True, slots=True)
class EdgeRules:
    """What the edge holds every request to."""

    management_port: int
    trusted_hosts: frozenset[bytes]
    deadline_seconds: float
    headers: RawHeaders
    proxies: Proxies


@dataclass(frozen=True, slots=True)
class Telling:
    """Where the envelope tells what it saw."""

    tracing: Tracing
    recording: Recording
    lifecycle: Lifecycle


@dataclass(slots=True)
class Exchange:
    """One request on its way: facts, headers, when it came, which status went out (0: none yet), by which route."""

    gathered: Facts
    headers: dict[bytes, bytes]
    started: float
    status: int = 0
    route: str = "none"


class Envelope:
    """Wraps the API. Requests that came in on the management port go to the management application instead."""

    def __init__(self, api: FastAPI, management: ASGIApp, lane: FastLane, rules: EdgeRules, telling: Telling) -> None:
        self.lifecycle = telling.lifecycle
        self.api = api
        self._shortcuts = Shortcuts(api)
        self._management = management
        self._lane = lane
        self._rules = rules
        self._tracing = telling.tracing
        self._recording = telling.recording

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.api(scope, receive, send)
            return
        if scope["server"][1] == self._rules.management_port:
            await self._management(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            # The server leaves the body out (RFC 9110, 9.3.2); in log and metrics it is the GET that it costs.
            scope = {**scope, "method": "GET"}
        headers = dict(scope["headers"])
        trace_id, parent = self._tracing.parent(headers.get(b"traceparent"))
        exchange = Exchange(Facts(request_id(headers, trace_id), trace_id), headers, perf_counter())
        exchange.gathered.address = self._rules.proxies.client_address(scope, headers)
        if self._tracing.is_drawn(parent, is_parent_trusted=self._is_behind_proxy(scope)):
            # It may come in several headers, which are one list (W3C Trace Context, 3.3.1.1).
            states = [value.decode("latin-1") for name, value in scope["headers"] if name == b"tracestate"]
            span = self._tracing.start(scope["method"], parent, states, exchange.gathered)
            await self._answer_traced(scope, receive, send, exchange, span)
        else:
            await self._answer(scope, receive, send, exchange)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, exchange: Exchange) -> None:
        found = self._lane.find(scope, exchange.headers) if self._is_host_known(exchange) else None
        if found is None:
            await self._answer_routed(scope, receive, send, exchange)
            return
        exchange.route, warm = found
        exchange.status = warm.status
        exchange.gathered.cache = "near"
        await send(
            {"type": "http.response.start", "status": warm.status, "headers": warm.headers + self._headers(exchange)}
        )
        await send({"type": "http.response.body", "body": warm.body})
        seconds = perf_counter() - exchange.started
        self._recording.warm(scope["method"], exchange.route, warm.status, exchange.gathered, seconds)

    async def _answer_traced(self, scope: Scope, receive: Receive, send: Send, exchange: Exchange, span: Span) -> None:
        with use_span(span, end_on_exit=True):
            await self._answer(scope, receive, send, exchange)
            span.update_name(f"{scope['method']} {exchange.route}")
            span.set_attributes(
                {
                    "http.request.method": scope["method"],
                    "http.route": exchange.route,
                    "http.response.status_code": exchange.status,
                    "url.scheme": scope["scheme"],
                }
            )
            if exchange.status >= InternalError.status:
                note_failure(span, str(exchange.status))

    async def _answer_routed(self, scope: Scope, receive: Receive, send: Send, exchange: Exchange) -> None:
        async def send_complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                exchange.status = message["status"]
                given = {name for name, _ in message["headers"]}
                added = [header for header in self._headers(exchange) if header[0] not in given]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        with facts.gathering(exchange.gathered):
            shortcut = self._shortcuts.find(scope, exchange.headers)
            refused = self._find_refusal(scope, exchange)
            problem = refused or await self._run(shortcut or self.api, scope, receive, send_complete)
            if problem is not None and not exchange.status:
                await problem_answer(problem)(scope, receive, send_complete)
            seconds = perf_counter() - exchange.started
            exchange.route = route_of(scope)
            seen = scope["method"], exchange.route, exchange.status, exchange.gathered, seconds
            if shortcut or refused:
                self._recording.uninstrumented(*seen)
            self._recording.request(*seen)

    def _find_refusal(self, scope: Scope, exchange: Exchange) -> Problem | None:
        """Find what keeps a request from the API: a host that is not ours, or a process that has not loaded all.

        Without keys a sign-in would be committed and its tokens could not be signed, and a refresh token spent for
        nothing; and the schema may be none that this build may write to.
        """
        if not self._is_host_known(exchange):
            return HostUnknown()
        if self.lifecycle.started_at is None and not scope["path"].startswith(_BEFORE_START):
            return StoreAway("This replica has not started yet. Try again shortly.")
        return None

    async def _run(self, api: ASGIApp, scope: Scope, receive: Receive, send: Send) -> Problem | None:
        """Run the API under the deadline; gives the problem to answer with when it got no further."""
        try:
            async with asyncio.timeout(self._rules.deadline_seconds):
                await api(scope, receive, send)
        except TimeoutError:
            return BodyLate() if scope.get(READING) else DeadlineExceeded()
        except asyncio.CancelledError:
            # At the end of this process nobody waits for it any longer; its caller is told to ask another.
            return DeadlineExceeded()
        except Exception as error:  # noqa: BLE001 - the last place that can answer
            log_failure(logger, "unexpected error", error)
            return InternalError()
        return None

    def _headers(self, exchange: Exchange) -> RawHeaders:
        headers = [*self._rules.headers, (b"x-request-id", exchange.gathered.request_id.encode())]
        return [*headers, _CLOSE] if self.lifecycle.draining_at is not None else headers

    def _is_host_known(self, exchange: Exchange) -> bool:
        hosts = self._rules.trusted_hosts
        return not hosts or exchange.headers.get(b"host", b"").lower().rsplit(b":", 1)[0] in hosts

    def _is_behind_proxy(self, scope: Scope) -> bool:
        return bool(scope.get("client")) and self._rules.proxies.is_trusted(scope["client"][0])
