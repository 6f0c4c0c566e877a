"""The description at /openapi.json: complete, true, and the one in docs/openapi.json; and the page that shows it."""

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import urljoin

import jsonschema_rs
import pytest

from tests.kit.people import Person
from tests.kit.programs import ROOT
from tests.kit.services import Service

Json = dict[str, Any]

FROZEN = ROOT / "docs/openapi.json"
DESCRIPTION: Json = json.loads(FROZEN.read_text(encoding="utf-8"))
OPERATIONS: dict[str, tuple[str, str, Json]] = {
    operation["operationId"]: (method.upper(), path, operation)
    for path, methods in DESCRIPTION["paths"].items()
    for method, operation in methods.items()
}
BODIED = [name for name, (_, _, operation) in OPERATIONS.items() if "requestBody" in operation]
ANYTHING_CAN_FAIL = {"internal_error", "store_unavailable", "overloaded", "deadline_exceeded"}


def resolved(part: Json) -> Json:
    """Follow a reference within the description."""
    while "$ref" in part:
        found: Any = DESCRIPTION
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def examples(media: Json) -> list[Any]:
    named = [resolved(example)["value"] for example in media.get("examples", {}).values()]
    return [media["example"], *named] if "example" in media else named


def bodies(operation: Json) -> Iterator[tuple[str, Json]]:
    """Give every body of an operation: where it stands, and its media type object."""
    for kind, media in operation.get("requestBody", {}).get("content", {}).items():
        yield f"request {kind}", media
    for status, response in operation["responses"].items():
        for kind, media in response.get("content", {}).items():
            yield f"{status} {kind}", media


def faults(schema: Json, value: object) -> list[str]:
    validator = jsonschema_rs.Draft202012Validator(
        {**schema, "components": DESCRIPTION["components"]}, validate_formats=True
    )
    return [f"{list(error.instance_path)}: {error.message}" for error in validator.iter_errors(value)]


async def test_the_served_description_is_the_frozen_one(service: Service) -> None:
    served = (await service.get("/openapi.json")).json()

    assert served.pop("servers") == [{"url": "https://id.example.test"}]
    frozen = {name: value for name, value in DESCRIPTION.items() if name != "servers"}
    assert served == frozen, "it has changed: python -m service openapi > docs/openapi.json, and say so in CHANGELOG.md"


async def test_the_description_is_not_sent_again_to_who_has_it(service: Service) -> None:
    first = await service.get("/openapi.json")

    again = await service.get("/openapi.json", headers={"If-None-Match": first.headers["etag"]})

    assert again.status_code == 304
    assert again.content == b""
    assert again.headers["etag"] == first.headers["etag"]


def test_operation_ids_are_plain_names_and_unique() -> None:
    count = sum(len(methods) for methods in DESCRIPTION["paths"].values())

    assert len(OPERATIONS) == count
    assert [name for name in OPERATIONS if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)] == []


def test_every_tag_is_explained() -> None:
    explained = {tag["name"] for tag in DESCRIPTION["tags"] if tag["description"]}

    assert {tag for _, _, operation in OPERATIONS.values() for tag in operation["tags"]} == explained


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_says_what_it_does(name: str) -> None:
    _, _, operation = OPERATIONS[name]

    assert 5 < len(operation["summary"]) <= 60
    assert not operation["summary"].endswith(".")
    assert operation["description"].endswith(".")
    assert operation["description"] != operation["summary"]


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_names_the_problems_it_may_answer(name: str) -> None:
    _, _, operation = OPERATIONS[name]
    codes: dict[str, set[str]] = {}
    for status, response in operation["responses"].items():
        media = response.get("content", {}).get("application/problem+json", {})
        codes[status] = set(media.get("examples", {}))
        assert all(f"`{code}`" in response["description"] for code in codes[status])

    assert set.union(*codes.values()) >= ANYTHING_CAN_FAIL
    if {"bearer": []} in operation.get("security", []):
        assert "token_invalid" in codes["401"]
    if "requestBody" in operation:
        assert {"415", "413", "422", "400"} <= codes.keys()
    assert all(codes[status] or status == "400" for status in codes if status >= "400")


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_body_has_examples_and_they_validate(name: str) -> None:
    _, _, operation = OPERATIONS[name]
    for place, media in bodies(operation):
        assert examples(media), f"{place} has no example"
        for example in examples(media):
            assert faults(media["schema"], example) == [], place


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_parameter_is_explained_and_its_examples_validate(name: str) -> None:
    _, _, operation = OPERATIONS[name]
    for parameter in operation.get("parameters", []):
        assert parameter["description"]
        given = [*parameter["schema"].get("examples", []), *examples(parameter)]
        assert given or parameter["in"] == "query", parameter["name"]
        assert [faults(parameter["schema"], example) for example in given] == [[] for _ in given]


def test_every_header_is_explained_and_its_example_validates() -> None:
    for name, header in DESCRIPTION["components"]["headers"].items():
        assert header["description"], name
        assert faults(header["schema"], header["example"]) == [], name


async def test_the_service_takes_every_example_of_a_body(service: Service, admin: Person) -> None:
    token = (await admin.sign_in()).access_token
    answers = {}
    for name in BODIED:
        method, path, operation = OPERATIONS[name]
        path = path.replace("{user_id}", "0198f3c2-a7bb-7d10-a2b4-c6d8e0f1a2b3")
        for kind, media in operation["requestBody"]["content"].items():
            for example in examples(media):
                body = {"json" if kind == "application/json" else "data": example}
                answer = await service.call(method, path, token=token, headers={"If-Match": "*"}, **body)
                assert str(answer.status_code) in operation["responses"], answer.text
                answers[name] = (answer.status_code, answer.json().get("code"))

    assert answers == {
        "register": (201, None),
        "edit_own_profile": (200, None),
        "sign_in": (201, None),
        "refresh": (401, "refresh_token_refused"),
        "edit_user": (404, "user_not_found"),
        "suspend_user": (404, "user_not_found"),
        "set_roles": (404, "user_not_found"),
        "change_password": (403, "current_password_wrong"),
        "exchange_token": (400, "oauth_grant_invalid"),
    }


async def test_the_page_loads_only_from_the_service_and_runs_nothing_inline(service: Service) -> None:
    answer = await service.get("/docs")

    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["connect-src"] == "'self' https://id.example.test"
    assert not re.search(r"<script(?![^>]* src=)|<style| style=| on[a-z]+=", answer.text)
    addresses = re.findall(r'(?:src|href)="([^"]+)"', answer.text)
    assert [address for address in addresses if ":" in address or address.startswith("/")] == []


async def test_every_file_of_the_page_is_there_and_kept_for_ever(service: Service) -> None:
    text = (await service.get("/docs")).text
    files = set(re.findall(r'"(docs/assets/[^"]+)"', text))

    assert {file.rsplit("/", 1)[1] for file in files} == {
        "docs.js",
        "icon.svg",
        "pages.css",
        "swagger-ui-bundle.js",
        "swagger-ui.css",
    }
    for file in files:
        answer = await service.get(f"/{file}")
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_page_of_another_release_gets_our_file_but_may_not_keep_it(service: Service) -> None:
    answer = await service.get("/docs/assets/0123456789ab/docs.js")

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"


async def test_a_file_that_is_none_of_the_page_is_not_found(service: Service) -> None:
    for name in ("nothing.js", "..%2fdocs.py", "LICENSE"):
        assert (await service.get(f"/docs/assets/0123456789ab/{name}")).status_code == 404


def test_the_vendored_files_are_the_ones_that_notice_names() -> None:
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    named = re.findall(r"^\s+([0-9a-f]{64})\s+(\S+)$", notice, flags=re.MULTILINE)

    assert len(named) == 2
    for digest, path in named:
        assert sha256((ROOT / path).read_bytes()).hexdigest() == digest, path


async def test_links_between_our_pages_hold_behind_any_prefix(service: Service) -> None:
    for page in ("/docs", "/problems", "/problems/not_found"):
        links = re.findall(r'(?:src|href)="([^"]+)"', (await service.get(page)).text)
        for link in set(links):
            target = urljoin(f"https://example.test/behind/a/prefix{page}", link)
            assert target.startswith("https://example.test/behind/a/prefix/")
            address = target.removeprefix("https://example.test/behind/a/prefix")
            assert (await service.get(address)).status_code == 200, address
