"""POST /v1/sessions."""

import json
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from tests.kit.ageing import IDLE
from tests.kit.claims import lineage, read_claims
from tests.kit.everywhere import accepted_everywhere
from tests.kit.people import Person, SignedIn, problem
from tests.kit.refreshing import running_sessions, session_row
from tests.kit.services import Service

WRONG = "not the password of anybody"


async def test_signing_in_opens_a_session_and_answers_its_first_pair(service: Service, ada: Person) -> None:
    body = {"email": ada.email, "password": ada.password, "device": "Ada's laptop"}

    answer = await service.post("/v1/sessions", json=body)

    assert answer.status_code == 201
    pair = answer.json()
    assert set(pair) == {
        "token_type",
        "access_token",
        "expires_in",
        "refresh_token",
        "refresh_expires_in",
        "session",
    }
    assert pair["token_type"] == "Bearer"
    assert pair["expires_in"] == 600
    assert IDLE.total_seconds() - 5 <= pair["refresh_expires_in"] <= IDLE.total_seconds()
    session = pair["session"]
    assert set(session) == {"id", "device", "created_at", "expires_at"}
    assert session["device"] == "Ada's laptop"
    assert _instant(session["expires_at"]) - _instant(session["created_at"]) == IDLE


async def test_a_pair_is_never_stored_on_its_way(service: Service, ada: Person) -> None:
    body = {"email": ada.email, "password": ada.password}

    signed_in = await service.post("/v1/sessions", json=body)
    refused = await service.post("/v1/sessions", json={**body, "password": WRONG})

    assert signed_in.headers["cache-control"] == refused.headers["cache-control"] == "no-store"
    assert signed_in.headers["content-type"] == "application/json"


async def test_the_access_token_names_user_and_session_and_works_on_every_replica(
    replicas: tuple[Service, Service], ada: Person
) -> None:
    phone = await ada.sign_in("phone")

    claims = read_claims(phone.access_token)

    assert (claims["sub"], claims["sid"]) == (ada.id, phone.session_id)
    assert claims["client_id"] == "signet"
    assert claims["auth_time"] <= claims["iat"] < claims["exp"]
    await accepted_everywhere(replicas, phone.access_token)


async def test_the_first_refresh_token_is_of_generation_zero(ada: Person) -> None:
    phone = await ada.sign_in()

    assert lineage(phone.refresh_token) == (phone.session_id.replace("-", ""), 0)


async def test_the_session_remembers_device_address_and_the_hour_of_the_database(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in("phone", service)

    row = await session_row(database, phone.session_id)

    assert (row["device"], row["address"], row["generation"]) == ("phone", "127.0.0.1", 0)
    assert (row["rotated_at"], row["ended_at"]) == (None, None)
    assert abs(row["created_at"] - await database.fetchval("SELECT clock_timestamp()")) < timedelta(seconds=30)


async def test_each_sign_in_is_a_session_of_its_own(ada: Person, database: asyncpg.Connection) -> None:
    phone, laptop = await ada.sign_in("phone"), await ada.sign_in("laptop")

    assert await running_sessions(database, ada.id) == {phone.session_id, laptop.session_id}


@pytest.mark.parametrize(
    "email",
    ["nobody@example.com", "not an address", "", "ada@example.com.", "ada@example\u202e.com", "ada\0@x.example"],
)
async def test_an_unknown_address_and_a_wrong_password_are_told_alike(
    service: Service, ada: Person, email: str
) -> None:
    wrong = await service.post("/v1/sessions", json={"email": ada.email, "password": WRONG})
    unknown = await service.post("/v1/sessions", json={"email": email, "password": WRONG})
    right = await service.post("/v1/sessions", json={"email": ada.email, "password": ada.password})

    assert problem(wrong) == (401, "credentials_wrong")
    assert _told(unknown) == _told(wrong)
    assert right.status_code == 201


async def test_the_password_of_somebody_else_is_a_wrong_one(service: Service, ada: Person) -> None:
    other = await service.post("/v1/users", json={"email": "eve@example.com", "password": "another fine password"})
    answer = await service.post("/v1/sessions", json={"email": ada.email, "password": "another fine password"})

    assert other.status_code == 201
    assert problem(answer) == (401, "credentials_wrong")


async def test_an_address_is_known_however_its_domain_is_written(service: Service, ada: Person) -> None:
    answer = await service.post("/v1/sessions", json={"email": "ADA@Example.COM", "password": ada.password})

    assert SignedIn.of(answer).session_id


async def test_a_password_typed_on_another_keyboard_is_the_same_password(service: Service) -> None:
    composed, decomposed = "caf\u00e9 au lait chaud", "cafe\u0301 au lait chaud"
    await service.post("/v1/users", json={"email": "ada@example.com", "password": composed})

    same = await service.post("/v1/sessions", json={"email": "ada@example.com", "password": decomposed})
    other = await service.post("/v1/sessions", json={"email": "ada@example.com", "password": "cafe au lait chaud"})

    assert (same.status_code, other.status_code) == (201, 401)


async def test_suspended_is_said_only_after_the_right_password(service: Service, ada: Person, admin: Person) -> None:
    boss = await admin.sign_in()
    await service.post(f"/v1/users/{ada.id}/suspend", json={}, token=boss.access_token)

    right = await service.post("/v1/sessions", json={"email": ada.email, "password": ada.password})
    wrong = await service.post("/v1/sessions", json={"email": ada.email, "password": WRONG})
    unknown = await service.post("/v1/sessions", json={"email": "nobody@example.com", "password": WRONG})

    assert problem(right) == (403, "user_suspended")
    assert problem(wrong) == (401, "credentials_wrong")
    assert _told(wrong) == _told(unknown)


async def test_a_suspended_user_opens_no_session_until_reinstated(
    service: Service, ada: Person, admin: Person, database: asyncpg.Connection
) -> None:
    boss = await admin.sign_in()
    await service.post(f"/v1/users/{ada.id}/suspend", json={}, token=boss.access_token)
    refused = await service.post("/v1/sessions", json={"email": ada.email, "password": ada.password})
    sessions_while_suspended = await running_sessions(database, ada.id)

    await service.post(f"/v1/users/{ada.id}/reinstate", token=boss.access_token)
    phone = await ada.sign_in()

    assert refused.status_code == 403
    assert sessions_while_suspended == set()
    assert await service.accepts(phone.access_token)


async def test_a_closed_account_is_an_unknown_address(service: Service, ada: Person, admin: Person) -> None:
    boss = await admin.sign_in()
    closed = await service.delete(f"/v1/users/{ada.id}", token=boss.access_token)

    answer = await service.post("/v1/sessions", json={"email": ada.email, "password": ada.password})
    unknown = await service.post("/v1/sessions", json={"email": "nobody@example.com", "password": ada.password})

    assert closed.status_code == 204
    assert problem(answer) == (401, "credentials_wrong")
    assert _told(answer) == _told(unknown)


@pytest.mark.parametrize(
    "change",
    [
        {"email": None},
        {"password": None},
        {"password": 12345678},
        {"device": ""},
        {"device": "x" * 201},
        {"device": "two\nlines"},
        {"device": "back\u202ewards"},
        {"device": "nul\0"},
        {"email": "x" * 513},
        {"password": "x" * 1025},
        {"remember_me": True},
    ],
)
async def test_a_body_that_is_wrong_is_refused_and_says_where(
    service: Service, ada: Person, change: dict[str, Any]
) -> None:
    right = {"email": ada.email, "password": ada.password, "device": "phone"}

    refused = await service.post("/v1/sessions", json={**right, **change})

    assert problem(refused) == (422, "request_invalid")
    assert [error["pointer"] for error in refused.json()["errors"]] == [f"/{name}" for name in change]
    assert (await service.post("/v1/sessions", json=right)).status_code == 201


@pytest.mark.parametrize("device", ["\ud800", "ok \udfff"])
async def test_half_a_character_is_refused_before_it_reaches_a_store(
    service: Service, ada: Person, device: str
) -> None:
    body = json.dumps({"email": ada.email, "password": ada.password, "device": device})

    answer = await service.post("/v1/sessions", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code in {400, 422}, answer.text


async def test_a_sign_in_is_audited_and_a_refused_one_opens_nothing(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in()
    await service.post("/v1/sessions", json={"email": ada.email, "password": WRONG})

    events = await database.fetch("SELECT * FROM audit_events WHERE kind = 'session.signed_in'")

    assert [(str(event["user_id"]), str(event["session_id"])) for event in events] == [(ada.id, phone.session_id)]
    assert await running_sessions(database, ada.id) == {phone.session_id}


def _told(answer: httpx.Response) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
    """All a client is told, without what is different each time."""
    body = answer.json()
    del body["request_id"]
    headers = [header for header in answer.headers.multi_items() if header[0] not in {"date", "x-request-id"}]
    return answer.status_code, body, headers


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
