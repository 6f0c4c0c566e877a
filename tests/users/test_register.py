"""POST /v1/users, where registration is open."""

import json
import re
from datetime import UTC, datetime
from uuid import UUID

import pytest

from tests.kit.accounts import refused_fields
from tests.kit.people import PASSWORD, Person, SignedIn, problem
from tests.kit.services import Service

WIRE = {"id", "email", "email_verified", "display_name", "roles", "status", "created_at", "updated_at"}
BODY = {"email": "ada@example.com", "password": PASSWORD}


async def test_a_new_user_is_answered_as_the_wire_shows_users(service: Service) -> None:
    answer = await service.post("/v1/users", json={**BODY, "display_name": "Ada Lovelace"})

    user = answer.json()
    assert answer.status_code == 201
    assert user.keys() == WIRE
    assert UUID(user["id"]).version == 7
    assert (user["email"], user["display_name"]) == ("ada@example.com", "Ada Lovelace")
    assert (user["email_verified"], user["roles"], user["status"]) == (False, [], "active")


async def test_times_are_rfc_3339_in_utc_and_those_of_the_registration(service: Service) -> None:
    before = datetime.now(UTC)
    user = (await service.post("/v1/users", json=BODY)).json()
    after = datetime.now(UTC)

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", user["created_at"])
    assert before <= datetime.fromisoformat(user["created_at"]) <= datetime.fromisoformat(user["updated_at"]) <= after


async def test_location_names_the_user_under_the_public_address_whatever_the_host_header_says(
    service: Service, boss: SignedIn
) -> None:
    answer = await service.post("/v1/users", json=BODY, headers={"Host": "evil.example.net"})

    location = answer.headers["location"]
    assert location == f"https://id.example.test/v1/users/{answer.json()['id']}"
    path = location.removeprefix("https://id.example.test")
    assert (await service.get(path, token=boss.access_token)).json() == answer.json()


async def test_the_etag_is_the_one_that_reading_gives(service: Service) -> None:
    answer = await service.post("/v1/users", json=BODY)
    ada = Person(service, BODY["email"], BODY["password"])
    read = await service.get("/v1/users/me", token=(await ada.sign_in()).access_token)

    assert answer.headers["etag"] == read.headers["etag"]
    assert answer.content == read.content


async def test_the_answer_is_stored_by_nobody_and_holds_no_hash(service: Service) -> None:
    answer = await service.post("/v1/users", json=BODY)

    assert answer.headers["cache-control"] == "no-store"
    assert "argon2" not in answer.text
    assert PASSWORD not in answer.text


async def test_a_taken_address_is_refused_and_its_owner_stays(service: Service, ada: Person) -> None:
    answer = await service.post("/v1/users", json={"email": ada.email, "password": "somebody else's password"})

    assert problem(answer) == (409, "email_taken")
    assert (await ada.sign_in()).access_token


@pytest.mark.parametrize("field", ["roles", "email_verified", "password_hash"])
async def test_only_admins_may_set_what_admins_set(service: Service, eve: Person, boss: SignedIn, field: str) -> None:
    value = {"roles": ["admin"], "email_verified": True, "password_hash": "$2b$04$" + "." * 53}[field]
    body = {"email": "mallory@example.com", "password": PASSWORD, field: value}
    if field == "password_hash":
        del body["password"]
    insider = await eve.sign_in()

    refused = [
        await service.post("/v1/users", json=body),
        await service.post("/v1/users", json=body, token=insider.access_token),
    ]
    allowed = await service.post("/v1/users", json=body, token=boss.access_token)

    assert [problem(answer) for answer in refused] == [(403, "forbidden")] * 2
    assert allowed.status_code == 201


async def test_a_bad_token_is_refused_rather_than_ignored(service: Service) -> None:
    refused = await service.post("/v1/users", json=BODY, token="not.a.token")
    allowed = await service.post("/v1/users", json=BODY)

    assert problem(refused) == (401, "token_invalid")
    assert allowed.status_code == 201


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": None}, "/email"),
        ({"email": 5}, "/email"),
        ({"password": 12345678}, "/password"),
        ({"password": "x" * 1025}, "/password"),
        ({"display_name": ""}, "/display_name"),
        ({"display_name": "x" * 201}, "/display_name"),
        ({"display_name": "Ada\x1b[31m"}, "/display_name"),
        ({"display_name": "Ada\x00"}, "/display_name"),
        ({"display_name": "\ud800"}, "/display_name"),
        ({"display_name": ["Ada"]}, "/display_name"),
        ({"status": "active"}, "/status"),
        ({"id": "0198f3c2-a7bb-7d10-a2b4-c6d8e0f1a2b3"}, "/id"),
    ],
)
async def test_a_wrong_field_is_refused_by_name(service: Service, change: dict[str, object], field: str) -> None:
    escaped = json.dumps({**BODY, **change})
    refused = await service.post("/v1/users", content=escaped, headers={"Content-Type": "application/json"})
    allowed = await service.post("/v1/users", json=BODY)

    assert problem(refused) == (422, "request_invalid")
    assert refused_fields(refused) == {field}
    assert allowed.status_code == 201


async def test_each_wrong_field_is_named(service: Service) -> None:
    answer = await service.post("/v1/users", json={"password": 1, "display_name": "", "color": "red"})

    assert refused_fields(answer) == {"/email", "/password", "/display_name", "/color"}


@pytest.mark.parametrize("name", ["A", "x" * 200, "Zoë Ångström", "小林 さくら", "O'Brien; DROP TABLE users", "👩‍🚀"])
async def test_names_of_all_kinds_are_kept_as_typed(service: Service, name: str) -> None:
    answer = await service.post("/v1/users", json={**BODY, "display_name": name})

    assert answer.status_code == 201
    assert answer.json()["display_name"] == name


@pytest.mark.parametrize(
    ("content", "content_type", "refusal"),
    [
        (b'{"email":"a@example.com","email":"b@example.com"}', "application/json", (400, "body_malformed")),
        (b"{", "application/json", (400, "body_malformed")),
        (b"\xff", "application/json", (400, "body_malformed")),
        (b'{"email":NaN}', "application/json", (400, "body_malformed")),
        (b"", "application/json", (400, "body_malformed")),
        (b"[]", "application/json", (422, "request_invalid")),
        (b"null", "application/json", (422, "request_invalid")),
        (b'"text"', "application/json", (422, "request_invalid")),
        (b"[" * 30_000, "application/json", (400, "body_malformed")),
        (b'{"email":1' + b"0" * 5000 + b"}", "application/json", (400, "body_malformed")),
        (b"email=a%40example.com", "application/x-www-form-urlencoded", (415, "media_type_unsupported")),
        (b"{}", "text/plain", (415, "media_type_unsupported")),
        (b"{}", "application/json; charset=utf-16", (415, "media_type_unsupported")),
        (b" " * 70_000, "application/json", (413, "body_too_large")),
    ],
)
async def test_a_body_that_is_not_one_json_object_is_refused(
    service: Service, content: bytes, content_type: str, refusal: tuple[int, str]
) -> None:
    answer = await service.post("/v1/users", content=content, headers={"Content-Type": content_type})

    assert problem(answer) == refusal
