"""Browsers from elsewhere: none by default, those that are listed, and what they may see."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from tests.kit.people import Person, new_person, problem
from tests.kit.services import Service
from tests.web.conftest import ORIGIN

EXPOSED = {"ETag", "Location", "Retry-After", "RateLimit", "RateLimit-Policy", "X-Request-Id"}
ASKED = {
    "Access-Control-Request-Method": "PATCH",
    "Access-Control-Request-Headers": "authorization,content-type,if-match",
}


def permissions(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


async def test_by_default_no_origin_may_call(service: Service, ada: Person) -> None:
    token = (await ada.sign_in()).access_token

    for headers in ({"Origin": ORIGIN}, {"Origin": "null"}):
        for _ in range(2):
            assert permissions(await service.get("/v1/users/me", token=token, headers=headers)) == {}
    preflight = await service.call("OPTIONS", "/v1/users/me", headers={"Origin": ORIGIN, **ASKED})
    assert (preflight.status_code, permissions(preflight)) == (405, {})


async def test_a_listed_origin_may_ask_before_it_calls(guarded: Service) -> None:
    preflight = await guarded.call("OPTIONS", "/v1/users/me", headers={"Origin": ORIGIN, **ASKED})

    assert preflight.status_code == 200
    told = permissions(preflight)
    assert told["access-control-allow-origin"] == ORIGIN
    assert "PATCH" in told["access-control-allow-methods"]
    allowed = {name.strip().lower() for name in told["access-control-allow-headers"].split(",")}
    assert {"authorization", "content-type", "if-match", "if-none-match", "idempotency-key"} <= allowed
    assert "origin" in preflight.headers["vary"].lower()


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://app.example.test.evil.example", "http://app.example.test", "null"]
)
async def test_another_origin_is_refused(guarded: Service, origin: str) -> None:
    token = (await (await new_person(guarded, "ada@example.com")).sign_in()).access_token

    preflight = await guarded.call("OPTIONS", "/v1/users/me", headers={"Origin": origin, **ASKED})
    called = await guarded.get("/v1/users/me", token=token, headers={"Origin": origin})

    assert preflight.status_code == 400
    assert "access-control-allow-origin" not in preflight.headers
    assert "access-control-allow-origin" not in called.headers


async def test_a_listed_origin_sees_the_headers_that_an_application_needs(guarded: Service) -> None:
    token = (await (await new_person(guarded, "ada@example.com")).sign_in()).access_token

    # Cold, then warm: the fast lane must not forget what the route says.
    for _ in range(3):
        answer = await guarded.get("/v1/users/me", token=token, headers={"Origin": ORIGIN})

        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert set(answer.headers["access-control-expose-headers"].split(", ")) == EXPOSED
        assert "origin" in answer.headers["vary"].lower()


async def test_a_listed_origin_can_read_why_it_was_refused(guarded: Service) -> None:
    refused = await guarded.get("/v1/users/me", headers={"Origin": ORIGIN})

    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == ORIGIN
    assert refused.json()["code"] == "token_missing"


async def test_a_preflight_on_the_way_to_another_service_needs_a_token(
    start_service: Callable[..., Awaitable[Service]],
) -> None:
    service = await start_service(SIGNET_CORS_ORIGINS="https://app.example.test")
    preflight = {"Origin": "https://app.example.test", "Access-Control-Request-Method": "GET"}

    ours = await service.call("OPTIONS", "/v1/users/me", headers=preflight)
    forwarded = await service.call("OPTIONS", "/v1/verify/orders", headers=preflight)

    assert ours.status_code == 200
    assert problem(forwarded) == (401, "token_missing")


async def test_where_origins_are_let_in_every_answer_varies_by_them(guarded: Service, service: Service) -> None:
    token = (await (await new_person(guarded, "ada@example.com")).sign_in()).access_token

    for _ in range(3):
        cold_then_warm = await guarded.get("/v1/users/me", token=token)
        assert "origin" in cold_then_warm.headers["vary"].lower()
    assert "origin" in (await guarded.get("/v1/users/me")).headers["vary"].lower()
    assert "origin" not in (await service.get("/v1/users/me")).headers.get("vary", "")
