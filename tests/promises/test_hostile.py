"""Thousands of hostile bodies: each is refused with a problem of the 4xx kind, none breaks the service."""

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

import httpx
import pytest

from tests.kit import hostile
from tests.kit.hostile import FORM, JSON
from tests.kit.people import Person
from tests.kit.programs import ROOT
from tests.kit.services import Service
from tests.kit.waiting import eventually

DESCRIPTION: dict[str, Any] = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))
UNKNOWN_ID = "0198f3c2-a7bb-7d10-a2b4-c6d8e0f1a2b3"
LEAST = 2000
AT_ONCE = 8


@dataclass(frozen=True)
class Attack:
    """One hostile request."""

    method: str
    path: str
    media_type: str
    body: bytes

    async def fault(self, service: Service, token: str) -> str | None:
        """Strike; says what is wrong with the answer, if anything."""
        headers = {"If-Match": "*", **({"Content-Type": self.media_type} if self.media_type else {})}
        try:
            answer = await service.call(self.method, self.path, token=token, headers=headers, content=self.body)
            body = answer.json()
        except (httpx.TransportError, ValueError) as error:
            return f"{self.method} {self.path} {self.media_type[:40]} {self.body[:80]!r}: {error!r}"
        is_refused = 400 <= answer.status_code < 500
        is_problem = body.get("status") == answer.status_code and f"/problems/{body.get('code')}" == body.get("type")
        if is_refused and is_problem and body["request_id"] == answer.headers["x-request-id"]:
            return None
        return f"{self.method} {self.path} {self.media_type[:40]} {self.body[:80]!r}: {answer.status_code} {body}"


def attacks() -> Iterator[Attack]:
    for path, methods in DESCRIPTION["paths"].items():
        for method, operation in methods.items():
            for kind, media in operation.get("requestBody", {}).get("content", {}).items():
                place = path.replace("{user_id}", UNKNOWN_ID)
                yield from (Attack(method.upper(), place, *struck) for struck in _struck(kind, media))


def _struck(kind: str, media: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Give media types and bodies for an operation that takes this kind of body."""
    good = media.get("example") or next(iter(media["examples"].values()))["value"]
    fields = DESCRIPTION["components"]["schemas"][media["schema"]["$ref"].rsplit("/", 1)[1]]["properties"]
    encoded = json.dumps(good).encode() if kind == JSON else b"grant_type=refresh_token&refresh_token=x"
    yield from ((other, encoded) for other in (*hostile.MEDIA_TYPES, FORM if kind == JSON else JSON))
    yield from ((kind, body) for body in hostile.TOO_LARGE)
    yield from ((kind, body) for body in (hostile.bodies(good, fields) if kind == JSON else hostile.NOT_FORMS))


@pytest.mark.timeout(300)
async def test_every_hostile_body_is_refused_with_a_problem(service: Service, admin: Person) -> None:
    token, begun = (await admin.sign_in()).access_token, len(service.log_lines())
    gate = asyncio.Semaphore(AT_ONCE)

    async def strike(attack: Attack) -> str | None:
        async with gate:
            return await attack.fault(service, token)

    struck = list(attacks())
    assert len(struck) >= LEAST
    faults = [fault for fault in await asyncio.gather(*map(strike, struck)) if fault]

    print(f"{len(struck)} hostile bodies")
    assert not faults, "\n".join(faults[:30])
    assert (await service.get("/v1/users/me", token=token)).json() == admin.profile
    assert failures(service, begun) == []


async def test_a_client_that_hangs_up_half_way_is_no_failure_of_ours(service: Service) -> None:
    begun = len(service.log_lines())
    await hang_up(service, b"/v1/sessions", b"Content-Type: application/json\r\nContent-Length: 100")
    await hang_up(service, b"/v1/sessions", b"Content-Type: application/json\r\nTransfer-Encoding: chunked")
    await hang_up(service, b"/oauth/token", b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 99")

    async def are_told() -> bool:
        return sum('"request_malformed"' in line for line in service.log_lines()[begun:]) == 3

    await eventually(are_told, within=5.0)
    assert failures(service, begun) == []


async def hang_up(service: Service, path: bytes, head: bytes) -> None:
    """Send part of a body and close the connection."""
    place = urlsplit(service.url)
    _, writer = await asyncio.open_connection(place.hostname, place.port)
    writer.write(b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n" + head + b'\r\n\r\n5\r\n{"a":\r\n')
    await writer.drain()
    writer.close()


def failures(service: Service, begun: int) -> list[str]:
    """Give what the service has logged as its own failure since then."""
    return [line for line in service.log_lines()[begun:] if '"level":"error"' in line or '"status":5' in line]


async def test_a_body_that_never_ends_is_refused_and_the_connection_closed(service: Service) -> None:
    answered = await asyncio.to_thread(pour, urlsplit(service.url))

    assert answered.startswith(b"HTTP/1.1 413")
    assert b"body_too_large" in answered
    assert (await service.get("/.well-known/jwks.json")).status_code == 200


def pour(place: SplitResult) -> bytes:
    """Send until the service closes the connection; gives what it had answered."""
    head = (
        b"POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection((place.hostname, place.port), timeout=10) as connection:
        connection.sendall(head)
        with contextlib.suppress(ConnectionError):
            while True:
                connection.sendall(b"1000\r\n" + b" " * 4096 + b"\r\n")
        return connection.recv(4096)
