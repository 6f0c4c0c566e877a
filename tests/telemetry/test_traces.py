"""One request can be followed: from its caller's span through ours to statements, commands and hash, log and metric."""

import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.kit.environment import Addresses
from tests.kit.log_lines import line_of
from tests.kit.metrics import read_metrics
from tests.kit.otlp import Collector, attributes, collecting, collecting_grpc
from tests.kit.people import PASSWORD, new_person
from tests.kit.services import Service, running_service
from tests.kit.waiting import eventually

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
RECEIVERS = {"http/protobuf": collecting, "grpc": collecting_grpc}
_SOON_SECONDS = 10.0

Receiving = Callable[[], AbstractContextManager[Collector]]


@pytest.fixture(scope="module", params=list(RECEIVERS))
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def collector(protocol: str) -> Iterator[Collector]:
    receiving: Receiving = RECEIVERS[protocol]
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
async def traced(
    stores: Addresses, collector: Collector, protocol: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    """A replica that traces what a caller it trusts has traced, and nothing else."""
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_TRACES_SAMPLER_ARG": "0",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "OTEL_SERVICE_NAME": "signet-blue",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test,service.name=overruled",
        "SIGNET_TRUSTED_PROXIES": "127.0.0.1",
        "SIGNET_LIMITS": "on",
    }
    async with running_service(stores, tmp_path_factory.mktemp("traced") / "log", settings) as replica:
        yield replica


class Followed:
    """A request with a caller's span around it."""

    def __init__(self, *, is_sampled: bool = True) -> None:
        self.trace_id, self.span_id = secrets.token_hex(16), secrets.token_hex(8)
        self.headers = {
            "traceparent": f"00-{self.trace_id}-{self.span_id}-{is_sampled:02x}",
            "tracestate": "mesh=on-the-way",
        }


async def spans_of(collector: Collector, trace_id: str, name: str) -> list[Span]:
    """Give all spans of a trace; the one of this name, the server's, ends last."""

    async def is_there() -> bool:
        return any(span.name == name for span in collector.trace(trace_id))

    await eventually(is_there, within=_SOON_SECONDS)
    return collector.trace(trace_id)


async def test_one_request_can_be_followed(traced: Service, collector: Collector) -> None:
    await new_person(traced, "ada@example.com")
    asked = Followed()

    answer = await traced.post(
        "/v1/sessions", json={"email": "ada@example.com", "password": PASSWORD}, headers=asked.headers
    )

    assert answer.status_code == 201
    found = await spans_of(collector, asked.trace_id, "POST /v1/sessions")
    (server,) = (span for span in found if span.kind == Span.SPAN_KIND_SERVER)
    assert (server.name, server.parent_span_id.hex()) == ("POST /v1/sessions", asked.span_id)
    assert server.trace_state == "mesh=on-the-way"
    assert attributes(server) == {
        "http.request.method": "POST",
        "http.route": "/v1/sessions",
        "http.response.status_code": 201,
        "url.scheme": "http",
    }
    below = {span.name: span for span in found if span is not server}
    assert {"users.credentials_by_email", "password.verify", "sessions.start", "EVALSHA"} <= below.keys()
    assert {span.parent_span_id for span in below.values()} == {server.span_id}
    assert all(
        server.start_time_unix_nano <= span.start_time_unix_nano <= span.end_time_unix_nano <= server.end_time_unix_nano
        for span in below.values()
    )
    statement, command = below["users.credentials_by_email"], below["EVALSHA"]
    assert (statement.kind, command.kind) == (Span.SPAN_KIND_CLIENT, Span.SPAN_KIND_CLIENT)
    assert attributes(statement) == {
        "db.system.name": "postgresql",
        "db.operation.name": "SELECT",
        "db.query.summary": "users.credentials_by_email",
    }
    assert attributes(below["sessions.start"])["db.operation.name"] == "INSERT"
    assert attributes(command) == {"db.system.name": "redis", "db.operation.name": "EVALSHA"}

    line = await line_of(traced, answer.headers["x-request-id"])
    assert (line["trace_id"], line["span_id"]) == (asked.trace_id, server.span_id.hex())
    scraped = await traced._client.get(f"{traced.management_url}/metrics", headers=OPENMETRICS)
    assert scraped.headers["content-type"].startswith("application/openmetrics-text")
    (exemplar,) = (line for line in scraped.text.splitlines() if asked.trace_id in line)
    assert exemplar.startswith('http_request_duration_seconds_bucket{handler="/v1/sessions"')
    told = collector.resource()
    assert (told["service.name"], told["deployment.environment.name"]) == ("signet-blue", "test")
    assert (await read_metrics(traced)).value("signet_trace_spans_total", outcome="exported") >= len(found)


@pytest.mark.parametrize("protocol", ["http/protobuf"], indirect=True)
async def test_a_warm_answer_is_traced_too_and_one_that_the_caller_did_not_sample_is_not(
    traced: Service, collector: Collector
) -> None:
    token = (await (await new_person(traced, "ada@example.com")).sign_in()).access_token
    unsampled, sampled = Followed(is_sampled=False), Followed()
    for asked in (unsampled, sampled):
        answer = await traced.get("/v1/verify", token=token, headers=asked.headers)
        assert answer.status_code == 200
        assert (await line_of(traced, answer.headers["x-request-id"]))["trace_id"] == asked.trace_id

    (server,) = await spans_of(collector, sampled.trace_id, "GET /v1/verify")

    assert server.parent_span_id.hex() == sampled.span_id
    assert collector.trace(unsampled.trace_id) == []


@pytest.mark.parametrize("protocol", ["http/protobuf"], indirect=True)
async def test_a_state_in_several_headers_is_one_list(traced: Service, collector: Collector) -> None:
    asked = Followed()
    headers = [("traceparent", asked.headers["traceparent"]), ("tracestate", "mesh=one"), ("tracestate", "edge=two")]

    await traced._client.get("/v1/verify", headers=headers)

    (server,) = await spans_of(collector, asked.trace_id, "GET /v1/verify")
    assert server.trace_state == "mesh=one,edge=two"


@pytest.mark.parametrize("protocol", ["http/protobuf"], indirect=True)
async def test_a_state_that_no_tracer_wrote_is_neither_passed_on_nor_logged(
    traced: Service, collector: Collector
) -> None:
    asked = Followed()

    answer = await traced.get("/v1/verify", headers={**asked.headers, "tracestate": "a secret in the wrong place"})

    assert answer.status_code == 401
    found = await spans_of(collector, asked.trace_id, "GET /v1/verify")
    assert [span.trace_state for span in found if span.kind == Span.SPAN_KIND_SERVER] == [""]
    assert "a secret" not in "\n".join(traced.log_lines())
