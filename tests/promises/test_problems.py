"""Problems: the catalogue is frozen and complete, and whatever goes wrong is answered with one of them."""

import asyncio
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest

import service.app  # noqa: F401 - it imports every room, and so every problem
from service.errors import Problem
from service.oauth.problems import OAuthProblem
from service.web.pages import all_problems
from tests.kit.people import Person, problem
from tests.kit.programs import ROOT
from tests.kit.services import Service

# What no single operation answers: it is refused before any is found.
EDGE_ONLY = {"method_not_allowed", "host_unknown", "request_malformed"}
PATHS = [
    *("/", "/v1", "/v1/", "/v1/users/", "/v1/users/me/", "/V1/users/me", "/v1//users/me", "/admin", "/.env"),
    *("/docs/", "/problems/", "/problems/nothing_such", "/oauth/token/", "/%00", "/%ff", "/v1/users/%2e%2e/me"),
]


def below(known: type[Problem]) -> Iterator[type[Problem]]:
    for child in known.__subclasses__():
        yield child
        yield from below(child)


def test_codes_are_unique() -> None:
    codes = Counter(known.code for known in below(Problem))

    assert [code for code, count in codes.items() if count > 1] == []
    assert set(all_problems()) == set(codes)


def test_every_problem_says_what_happened_in_sentences() -> None:
    for code, known in all_problems().items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)
        assert known.__doc__, code
        assert all(text.endswith((".", ".).", "...")) for text in (known.title, known.detail, known.__doc__.strip()))
        assert known.status in {400, 401, 403, 404, 405, 408, 409, 412, 413, 415, 421, 422, 428, 429, 500, 503}
        assert known.status != 503 or "Retry-After" in known.headers, code
        assert known.status != 401 or "WWW-Authenticate" in known.headers, code
        assert known.status == 500 or known.detail != Problem.detail, f"{code} has no detail of its own"


def test_the_catalogue_is_the_one_in_docs() -> None:
    printed = subprocess.run(
        [sys.executable, "docs/problems.py"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout

    frozen = (ROOT / "docs/problems.md").read_text(encoding="utf-8")
    assert printed == frozen, "it has changed: python docs/problems.py > docs/problems.md, and say so in CHANGELOG.md"


def test_every_problem_is_named_by_an_operation_or_by_the_edge_alone() -> None:
    description = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))
    named = {
        code
        for methods in description["paths"].values()
        for operation in methods.values()
        for response in operation["responses"].values()
        for media in response.get("content", {}).values()
        for code in media.get("examples", {})
    }

    assert {*all_problems()} - named == EDGE_ONLY
    assert all(code in description["info"]["description"] for code in EDGE_ONLY)


async def test_every_problem_is_explained_at_its_type(service: Service) -> None:
    index = (await service.get("/problems")).text
    for code, known in all_problems().items():
        page = await service.get(f"/problems/{code}")
        assert page.status_code == 200
        assert str(known.status) in page.text
        assert f'href="problems/{code}"' in index


async def test_oauth_refusals_carry_both_vocabularies(service: Service) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "nothing"}

    answer = await service.post("/oauth/token", data=form)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["error"] == "invalid_grant"
    assert body["code"] == "oauth_grant_invalid"
    assert all(known.error for known in [OAuthProblem, *below(OAuthProblem)])  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", PATHS)
async def test_an_unknown_address_is_not_found(path: str, service: Service) -> None:
    assert problem(await service.get(path)) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/users", "GET, HEAD, POST"),
        ("PUT", "/v1/users/me", "GET, HEAD, PATCH, DELETE"),
        ("PATCH", "/v1/sessions", "GET, HEAD, POST, DELETE"),
        ("POST", "/v1/users/0198f3c2-a7bb-7d10-a2b4-c6d8e0f1a2b3", "GET, HEAD, PATCH, DELETE"),
        ("GET", "/oauth/token", "POST"),
        ("POST", "/problems", "GET, HEAD"),
        ("TRACE", "/v1/account/password", "PUT"),
    ],
)
async def test_a_wrong_method_is_told_all_methods_of_the_address(
    method: str, path: str, allowed: str, service: Service
) -> None:
    answer = await service.call(method, path)

    assert problem(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"] == allowed


async def test_an_id_that_cannot_exist_is_not_found(service: Service, admin: Person) -> None:
    token = (await admin.sign_in()).access_token

    for value in ("1", "me2", "not-a-uuid", "0198f3c2-a7bb-7d10-a2b4", "%00", "a" * 300, "NULL", "-1"):
        assert problem(await service.get(f"/v1/users/{value}", token=token)) == (404, "not_found")
        assert problem(await service.delete(f"/v1/sessions/{value}", token=token)) == (404, "not_found")


async def test_a_query_that_is_wrong_is_said_to_be(service: Service, admin: Person) -> None:
    token = (await admin.sign_in()).access_token
    wrong = ("limit=0", "limit=101", "limit=x", "limit=", "limit=1.5", "limit=1e2", "cursor=x", "cursor=" + "a" * 1001)

    for query in (*wrong, "cursor=%00", "cursor=W10", "cursor=bnVsbA"):
        for path in ("/v1/sessions", "/v1/users", f"/v1/users/{admin.id}/sessions"):
            answer = await service.get(f"{path}?{query}", token=token)
            assert problem(answer) in {(422, "request_invalid"), (422, "cursor_malformed")}


async def test_the_field_that_is_wrong_is_named(service: Service) -> None:
    answer = await service.post("/v1/users", json={"email": "nobody", "password": 1, "~/": 1})

    assert problem(answer) == (422, "request_invalid")
    assert sorted(error["pointer"] for error in answer.json()["errors"]) == ["/email", "/password", "/~0~1"]


async def test_no_refusal_repeats_what_was_sent(service: Service) -> None:
    answer = await service.post("/v1/sessions", json={"email": "ada@example.com", "password": ["a secret of mine"]})

    assert answer.status_code == 422
    assert "a secret of mine" not in answer.text


async def test_a_body_that_is_too_large_is_refused_by_its_announced_length(service: Service) -> None:
    answer = await service.post("/v1/sessions", content=b" " * 65_537, headers={"Content-Type": "application/json"})

    assert problem(answer) == (413, "body_too_large")


async def test_a_body_that_is_too_large_is_refused_without_an_announced_length(service: Service) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(66):
            yield b" " * 1000

    answer = await service.post("/v1/sessions", content=chunks(), headers={"Content-Type": "application/json"})

    assert problem(answer) == (413, "body_too_large")


async def test_the_largest_body_is_read(service: Service) -> None:
    body = b'{"email": "ada@example.com", "password": "x"}'.ljust(65_536)

    answer = await service.post("/v1/sessions", content=body, headers={"Content-Type": "application/json"})

    assert problem(answer) == (401, "credentials_wrong")


async def test_what_is_not_http_is_refused_and_the_service_lives(service: Service) -> None:
    place = urlsplit(service.url)
    for nonsense in (b"NONSENSE\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET / HTTP/9.9\r\n\r\n"):
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        writer.write(nonsense)
        writer.write_eof()
        answered = await asyncio.wait_for(reader.read(), 5)
        writer.close()
        assert not answered or answered.startswith((b"HTTP/1.1 400", b"HTTP/1.1 404", b"HTTP/1.1 505"))

    assert (await service.get("/.well-known/jwks.json")).status_code == 200
