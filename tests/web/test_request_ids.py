"""Request ids and trace ids: one name for one request, in the answer, in the refusal and in the log."""

from uuid import uuid4

import pytest

from tests.kit.log_lines import line_of
from tests.kit.people import Person
from tests.kit.services import Service


@pytest.mark.parametrize("given", ["a", "A-b_9", "x" * 64, "5692ac69-79fe-4308-90da-6556f29276e8"])
async def test_a_harmless_request_id_is_kept(service: Service, given: str) -> None:
    own = f"{given[:50]}-{uuid4().hex[:12]}"

    answer = await service.get("/v1/users/me", headers={"X-Request-Id": own})

    assert answer.headers["x-request-id"] == own
    assert answer.json()["request_id"] == own
    told = await line_of(service, own)
    assert (told["method"], told["route"], told["status"]) == ("GET", "/v1/users/me", 401)
    assert told["problem"] == "token_missing"


@pytest.mark.parametrize(
    "given", [b"", b"x" * 65, b"a b", b"a,b", b"a\tb", b'{"a":1}', b"<script>", b"\xfcn\xefcode", b"../x", b"a;b"]
)
async def test_any_other_one_is_replaced_and_told_nowhere(service: Service, given: bytes) -> None:
    answer = await service._client.get("/v1/users/me", headers=[(b"X-Request-Id", given)])

    request_id = answer.headers["x-request-id"]
    assert len(request_id) == 32
    int(request_id, 16)
    assert answer.json()["request_id"] == request_id
    assert (await line_of(service, request_id))["trace_id"] == request_id


async def test_no_two_requests_have_the_same_id(service: Service) -> None:
    answers = [await service.get("/v1/users/me") for _ in range(20)]

    assert len({answer.headers["x-request-id"] for answer in answers}) == 20


async def test_the_trace_of_the_caller_goes_on_in_the_log(service: Service) -> None:
    trace_id = uuid4().hex

    answer = await service.get("/v1/users/me", headers={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"})

    assert answer.headers["x-request-id"] == trace_id
    assert (await line_of(service, trace_id))["trace_id"] == trace_id


async def test_a_request_id_and_a_trace_stand_side_by_side(service: Service) -> None:
    trace_id, request_id = uuid4().hex, uuid4().hex
    headers = {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-00", "X-Request-Id": request_id}

    await service.get("/v1/users/me", headers=headers)

    assert (await line_of(service, request_id))["trace_id"] == trace_id


@pytest.mark.parametrize(
    "traceparent",
    [
        "garbage",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-zz",
    ],
)
async def test_a_trace_that_is_none_begins_a_new_one(service: Service, traceparent: str) -> None:
    answer = await service.get("/v1/users/me", headers={"traceparent": traceparent})

    request_id = answer.headers["x-request-id"]
    assert request_id not in traceparent
    assert (await line_of(service, request_id))["trace_id"] == request_id


async def test_the_log_line_tells_what_an_operator_asks_first(service: Service, ada: Person) -> None:
    token, request_id = (await ada.sign_in()).access_token, uuid4().hex

    await service.get(f"/v1/users/{ada.id}?search=x", token=token, headers={"X-Request-Id": request_id})

    told = await line_of(service, request_id)
    assert told.keys() == {
        "time", "level", "message", "method", "route", "status", "duration_ms", "request_id", "trace_id",
        "client_address", "cache", "statements", "problem",
    }  # fmt: skip
    assert told["route"] == "/v1/users/{user_id}"
    assert told["problem"] == "forbidden"
    assert told["client_address"] == "127.0.0.1"
    assert told["time"].endswith("Z")


async def test_a_path_that_nobody_has_is_not_repeated_in_the_log(service: Service) -> None:
    secret = uuid4().hex

    answer = await service.get(f"/reset/{secret}?token={secret}")

    assert answer.status_code == 404
    assert (await line_of(service, answer.headers["x-request-id"]))["route"] == "none"
    assert secret not in service.log.read_text(encoding="utf-8")
