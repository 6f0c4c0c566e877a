"""Shortcuts: what is answered without the framework is answered as with it."""

import httpx
import pytest

from tests.kit.metrics import read_metrics
from tests.kit.people import PASSWORD, Person
from tests.kit.services import Service

JSON = {"Content-Type": "application/json"}
# Nobody may call from there, so that it changes nothing but the way that a request takes.
LONG_WAY = {"Origin": "https://elsewhere.example"}
# What is different each time.
ITS_OWN = {"date", "x-request-id", "content-length", "retry-after"}

REFUSED = {
    "nothing": (b"", JSON),
    "null": (b"null", JSON),
    "a list": (b"[]", JSON),
    "a field too few": (b"{}", JSON),
    "a field too many": (b'{"refresh_token": "x", "email": "e", "password": "p", "other": 1}', JSON),
    "a field of another type": (b'{"refresh_token": 1, "email": 2, "password": []}', JSON),
    "not JSON": (b"{", JSON),
    "a key twice": (b'{"refresh_token": "x", "refresh_token": "y"}', JSON),
    "another type": (b"refresh_token=x", {"Content-Type": "application/x-www-form-urlencoded"}),
    "no type": (b"{}", {}),
    "a charset that nobody can read": (b"{}", {"Content-Type": f"application/json; charset*{'1' * 5000}=x"}),
    "too much": (b'{"refresh_token": "' + b"x" * 70_000 + b'"}', JSON),
    "what nobody has": (b'{"refresh_token": "x"}', JSON),
    "a stranger": (b'{"email": "nobody@example.com", "password": "correct horse battery staple"}', JSON),
}


def said(answer: httpx.Response) -> tuple[int, dict[str, str], object]:
    """Give all of an answer that is the same each time."""
    headers = {name: value for name, value in answer.headers.items() if name not in ITS_OWN}
    body = answer.json()
    body.pop("request_id", None)
    return answer.status_code, headers, body


async def send(service: Service, path: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
    return await service.call("POST", path, content=body, headers=headers)


@pytest.mark.parametrize("path", ["/v1/sessions", "/v1/sessions/refresh"])
@pytest.mark.parametrize("body", REFUSED)
async def test_a_refusal_is_the_same_either_way(service: Service, path: str, body: str) -> None:
    content, headers = REFUSED[body]

    short = said(await send(service, path, content, headers))
    long = said(await send(service, path, content, headers | LONG_WAY))

    assert short == long
    assert 400 <= short[0] < 500


async def test_what_is_granted_is_the_same_either_way(service: Service, ada: Person) -> None:
    body = {"email": ada.email, "password": PASSWORD}

    answers = [await service.post("/v1/sessions", json=body, headers=headers) for headers in ({}, LONG_WAY)]
    short, long = (said(answer) for answer in answers)

    assert short[0] == long[0] == 201
    assert short[1] == long[1]
    assert isinstance(short[2], dict)
    assert isinstance(long[2], dict)
    assert short[2].keys() == long[2].keys()


async def test_both_ways_are_counted_alike(service: Service) -> None:
    seen = {"method": "POST", "handler": "/v1/sessions/refresh"}

    async def counted() -> tuple[float, float]:
        metrics = await read_metrics(service)
        count = metrics.value("http_requests_total", status="422", **seen)
        return count, metrics.value("http_request_duration_seconds_count", **seen)

    counts = [await counted()]
    for headers in (JSON, JSON | LONG_WAY):
        await send(service, "/v1/sessions/refresh", b"{}", headers)
        counts.append(await counted())

    assert [(count - counts[0][0], timed - counts[0][1]) for count, timed in counts] == [(0, 0), (1, 1), (2, 2)]
