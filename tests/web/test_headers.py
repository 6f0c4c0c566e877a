"""Headers of every answer, whatever it answers and whoever wrote it."""

from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.kit.claims import read_claims
from tests.kit.environment import Addresses
from tests.kit.people import Person, problem
from tests.kit.services import Service
from tests.kit.unready import waiting_service

ISSUER = "https://id.example.test"
EXPECTED = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=31536000",
}


def guarded_headers(answer: httpx.Response) -> dict[str, str | None]:
    assert "content-security-policy" in answer.headers, answer
    assert "server" not in answer.headers, answer
    assert answer.headers.get_list("x-request-id") != [], answer
    for name in (*EXPECTED, "content-security-policy", "x-request-id", "date"):
        assert len(answer.headers.get_list(name)) == 1, (name, answer)
    return {name: answer.headers.get(name) for name in EXPECTED}


async def test_every_kind_of_answer_carries_them(service: Service, ada: Person) -> None:
    signed_in = await ada.sign_in()
    token = signed_in.access_token
    me = await service.get("/v1/users/me", token=token)
    new = {"email": "new@example.com", "password": "a perfectly fine password"}
    answers = [
        me,
        await service.get("/v1/users/me", token=token),
        await service.post("/v1/users", json=new),
        await service.post("/v1/users", json=new),
        await service.get("/v1/users/me", token=token, headers={"If-None-Match": me.headers["etag"]}),
        await service.get("/v1/verify", token=token),
        await service.get("/v1/verify"),
        await service.get("/v1/verify?scope=x", token=token),
        await service.get("/nothing"),
        await service.delete("/v1/verifyx"),
        await service.put("/v1/sessions", json={}),
        await service.post("/v1/sessions", content=b"{"),
        await service.post("/v1/sessions", json={"email": 1}),
        await service.post("/v1/sessions", json={}, headers={"Content-Type": "text/plain"}),
        await service.post("/v1/sessions", content=b"x" * 100_000, headers={"Content-Type": "application/json"}),
        await service.patch("/v1/users/me", token=token, json={}),
        await service.patch("/v1/users/me", token=token, json={}, headers={"If-Match": '"1.99"'}),
        await service.post("/oauth/token", data={"grant_type": "x"}),
        await service.get("/.well-known/jwks.json"),
        await service.get("/problems"),
        await service.get("/openapi.json"),
        await service.delete("/v1/sessions/current", token=token),
    ]

    assert {answer.status_code for answer in answers} == {
        200, 201, 204, 304, 400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 428,
    }  # fmt: skip
    for answer in answers:
        assert guarded_headers(answer) == EXPECTED, answer


async def test_an_unexpected_error_carries_them_and_says_nothing_of_itself(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    token = (await ada.sign_in()).access_token
    await database.execute("ALTER TABLE sessions RENAME TO sessions_gone")
    try:
        answer = await service.get("/v1/sessions", token=token)
    finally:
        await database.execute("ALTER TABLE sessions_gone RENAME TO sessions")

    assert problem(answer) == (500, "internal_error")
    assert guarded_headers(answer) == EXPECTED
    assert "sessions" not in answer.text
    assert "SELECT" not in answer.text
    assert (await service.get("/v1/sessions", token=token)).status_code == 200


async def test_a_store_that_is_away_carries_them_too(bare_stores: Addresses, tmp_path: Path) -> None:
    dead = {"SIGNET_DATABASE_URL": "postgresql://signet:signet@127.0.0.1:1/signet"}
    async with waiting_service(bare_stores, tmp_path / "log", dead) as service:
        answers = [
            await service.get("/.well-known/jwks.json"),
            await service.post("/v1/sessions", json={"email": "ada@example.com", "password": "a fine password"}),
        ]

    for answer in answers:
        assert problem(answer) == (503, "store_unavailable")
        assert answer.headers["retry-after"] == "1"
        assert guarded_headers(answer) == EXPECTED


@pytest.mark.parametrize("host", ["evil.example", "evil.example:443", "id.example.test@evil.example", "[::1]"])
async def test_no_address_we_give_comes_from_the_host_header(service: Service, host: str) -> None:
    given = {"Host": host, "X-Forwarded-Host": host, "X-Forwarded-Proto": "gopher", "X-Forwarded-Prefix": "/evil"}
    body = {"email": "ada@example.com", "password": "a perfectly fine password"}

    created = await service.post("/v1/users", json=body, headers=given)
    description = await service.get("/openapi.json", headers=given)

    assert created.headers["location"] == f"{ISSUER}/v1/users/{created.json()['id']}"
    assert description.json()["servers"] == [{"url": ISSUER}]
    assert "evil" not in created.text + description.text + str(created.headers)
    signed_in = await service.post("/v1/sessions", json=body, headers=given)
    assert read_claims(signed_in.json()["access_token"])["iss"] == ISSUER
    for path in ("/v1/users/", "/docs/", "/v1//users"):
        redirected = await service.get(path, headers=given)
        assert "location" not in redirected.headers


@pytest.mark.parametrize("headers", [{}, {"If-None-Match": '"other"'}], ids=["lane", "route"])
async def test_head_is_answered_as_get_without_the_body(service: Service, ada: Person, headers: dict[str, str]) -> None:
    token = (await ada.sign_in()).access_token
    for _ in range(2):
        got = await service.get("/v1/users/me", token=token, headers=headers)
    head = await service.call("HEAD", "/v1/users/me", token=token, headers=headers)

    assert (head.status_code, head.content) == (200, b"")
    unequal = {"date", "x-request-id"}
    assert {name: value for name, value in head.headers.items() if name not in unequal} == {
        name: value for name, value in got.headers.items() if name not in unequal
    }
    refused = await service.call("HEAD", "/v1/users/me")
    assert (refused.status_code, refused.content) == (401, b"")
    assert (await service.call("HEAD", "/oauth/token")).status_code == 405
