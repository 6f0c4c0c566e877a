"""GET /v1/sessions, and GET /v1/users/{id}/sessions for admins."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from service.web.paging import write_cursor
from tests.kit.ageing import IDLE, age
from tests.kit.people import Person, SignedIn, problem
from tests.kit.refreshing import refreshed, session_row
from tests.kit.services import Service

DEVICES = ["desk", "laptop", "phone", "tablet", "watch"]


async def test_one_sees_ones_running_sessions_newest_first(service: Service, ada: Person, eve: Person) -> None:
    await eve.sign_in("eve's")
    signed_in = [await ada.sign_in(device) for device in DEVICES]

    answer = await service.get("/v1/sessions", token=signed_in[2].access_token)

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    page = answer.json()
    assert set(page) == {"items", "next_cursor"}
    assert page["next_cursor"] is None
    assert [item["device"] for item in page["items"]] == DEVICES[::-1]
    assert [item["id"] for item in page["items"]] == [session.session_id for session in signed_in[::-1]]
    assert [item["device"] for item in page["items"] if item["current"]] == ["phone"]


async def test_a_session_is_shown_as_its_row_knows_it(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in("phone")

    (item,) = (await service.get("/v1/sessions", token=phone.access_token)).json()["items"]

    row = await session_row(database, phone.session_id)
    assert set(item) == {"id", "device", "address", "created_at", "last_used_at", "expires_at", "current"}
    assert (item["device"], item["address"], item["current"]) == ("phone", "127.0.0.1", True)
    assert _instants(item) == (row["created_at"], row["created_at"], row["created_at"] + IDLE)


async def test_a_device_without_a_name_has_none(service: Service, ada: Person) -> None:
    phone = await ada.sign_in(None)

    (item,) = (await service.get("/v1/sessions", token=phone.access_token)).json()["items"]

    assert item["device"] is None


async def test_ended_sessions_are_not_shown(service: Service, ada: Person) -> None:
    phone, laptop = await ada.sign_in("phone"), await ada.sign_in("laptop")
    before = await _devices(service, laptop)
    await service.delete(f"/v1/sessions/{phone.session_id}", token=laptop.access_token)

    assert (before, await _devices(service, laptop)) == (["laptop", "phone"], ["laptop"])


@pytest.mark.parametrize("limit", [1, 2, 5])
async def test_pages_are_all_there_is_and_nothing_twice(service: Service, ada: Person, limit: int) -> None:
    signed_in = [await ada.sign_in(device) for device in DEVICES]

    pages = await _pages(service, "/v1/sessions", signed_in[0].access_token, limit)

    assert [item["device"] for page in pages for item in page] == DEVICES[::-1]
    assert len(pages) == -(-len(DEVICES) // limit)
    assert [item["device"] for page in pages for item in page if item["current"]] == ["desk"]


async def test_sessions_of_the_same_instant_are_not_lost_between_pages(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    signed_in = [await ada.sign_in(device) for device in DEVICES]
    await database.execute("UPDATE sessions SET created_at = (SELECT max(created_at) FROM sessions)")

    pages = await _pages(service, "/v1/sessions", signed_in[0].access_token, 2)

    shown = [item["id"] for page in pages for item in page]
    assert shown == sorted((session.session_id for session in signed_in), reverse=True)


async def test_a_session_that_begins_meanwhile_does_not_shift_the_pages(service: Service, ada: Person) -> None:
    signed_in = [await ada.sign_in(device) for device in DEVICES]
    token = signed_in[0].access_token
    first = (await service.get("/v1/sessions", params={"limit": 2}, token=token)).json()
    await ada.sign_in("meanwhile")

    rest = await service.get("/v1/sessions", params={"limit": 5, "cursor": first["next_cursor"]}, token=token)

    assert [item["device"] for item in first["items"] + rest.json()["items"]] == DEVICES[::-1]


async def test_refreshing_moves_last_used_and_keeps_the_order(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    phone, laptop = await ada.sign_in("phone"), await ada.sign_in("laptop")
    for session in (phone, laptop):
        await age(database, session.session_id, timedelta(hours=1))
    await refreshed(service, phone.refresh_token)

    items = (await service.get("/v1/sessions", token=laptop.access_token)).json()["items"]

    assert [item["device"] for item in items] == ["laptop", "phone"]
    used = {item["device"]: _instants(item)[1] - _instants(item)[0] for item in items}
    assert used["laptop"] == timedelta(0)
    assert used["phone"] > timedelta(minutes=59)


async def test_an_admin_sees_the_sessions_of_anybody_and_none_of_them_is_current(
    service: Service, ada: Person, admin: Person
) -> None:
    boss = await admin.sign_in()
    for device in DEVICES:
        await ada.sign_in(device)

    pages = await _pages(service, f"/v1/users/{ada.id}/sessions", boss.access_token, 2)

    assert [item["device"] for page in pages for item in page] == DEVICES[::-1]
    assert not any(item["current"] for page in pages for item in page)


async def test_an_admin_sees_which_of_their_own_sessions_asks(service: Service, admin: Person) -> None:
    boss = await admin.sign_in("boss")

    answer = await service.get(f"/v1/users/{admin.id}/sessions", token=boss.access_token)

    assert [item["device"] for item in answer.json()["items"] if item["current"]] == ["boss"]


async def test_nobody_else_sees_the_sessions_of_a_user(
    service: Service, ada: Person, eve: Person, admin: Person
) -> None:
    boss, intruder = await admin.sign_in(), await eve.sign_in()
    path = f"/v1/users/{ada.id}/sessions"

    assert problem(await service.get(path)) == (401, "token_missing")
    assert problem(await service.get(path, token=intruder.access_token)) == (403, "forbidden")
    assert (await service.get(path, token=boss.access_token)).status_code == 200


async def test_the_sessions_of_nobody_are_not_found(service: Service, ada: Person, admin: Person) -> None:
    boss = await admin.sign_in()

    unknown = await service.get(f"/v1/users/{uuid4()}/sessions", token=boss.access_token)
    impossible = await service.get("/v1/users/nobody/sessions", token=boss.access_token)
    none_yet = await service.get(f"/v1/users/{ada.id}/sessions", token=boss.access_token)

    assert problem(unknown) == (404, "user_not_found")
    assert problem(impossible) == (404, "not_found")
    assert none_yet.json() == {"items": [], "next_cursor": None}


async def test_without_a_token_there_is_no_list(service: Service, ada: Person) -> None:
    phone = await ada.sign_in()

    assert problem(await service.get("/v1/sessions")) == (401, "token_missing")
    assert problem(await service.get("/v1/sessions", token="nonsense")) == (401, "token_invalid")
    assert (await service.get("/v1/sessions", token=phone.access_token)).status_code == 200


@pytest.mark.parametrize("limit", ["0", "101", "-1", "many", ""])
async def test_a_limit_out_of_bounds_is_refused(service: Service, ada: Person, limit: str) -> None:
    phone = await ada.sign_in()

    refused = await service.get("/v1/sessions", params={"limit": limit}, token=phone.access_token)
    largest = await service.get("/v1/sessions", params={"limit": 100}, token=phone.access_token)

    assert problem(refused) == (422, "request_invalid")
    assert largest.status_code == 200


@pytest.mark.parametrize("cursor", ["x", "bm90IGpzb24", "W10", "WyJhIiwiYiIsImMiXQ", "\u00fc", "e30"])
async def test_a_cursor_nobody_gave_is_refused(service: Service, ada: Person, cursor: str) -> None:
    phone = await ada.sign_in()

    answer = await service.get("/v1/sessions", params={"cursor": cursor}, token=phone.access_token)

    assert problem(answer) == (422, "cursor_malformed")


async def test_a_cursor_with_an_instant_that_has_no_date_is_refused(service: Service, ada: Person) -> None:
    phone = await ada.sign_in()
    cursor = write_cursor(ada.id, "0001-01-01T00:00:00+14:00", phone.session_id)

    answer = await service.get("/v1/sessions", params={"cursor": cursor}, token=phone.access_token)

    assert problem(answer) == (422, "cursor_malformed")


async def test_a_cursor_belongs_to_the_user_it_was_given_for(
    service: Service, ada: Person, eve: Person, admin: Person
) -> None:
    boss, intruder = await admin.sign_in(), await eve.sign_in()
    signed_in = [await ada.sign_in(device) for device in DEVICES]
    own = await service.get("/v1/sessions", params={"limit": 1}, token=signed_in[0].access_token)
    asked = {"cursor": own.json()["next_cursor"]}

    by_other = await service.get("/v1/sessions", params=asked, token=intruder.access_token)
    by_admin = await service.get(f"/v1/users/{ada.id}/sessions", params=asked, token=boss.access_token)

    assert problem(by_other) == (422, "cursor_malformed")
    assert [item["device"] for item in by_admin.json()["items"]] == DEVICES[-2::-1]


async def _pages(service: Service, path: str, token: str, limit: int) -> list[list[dict[str, Any]]]:
    """Follow the cursor to the end."""
    pages: list[list[dict[str, Any]]] = []
    asked: dict[str, str | int] = {"limit": limit}
    while True:
        answer = await service.get(path, params=asked, token=token)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        pages.append(page["items"])
        if page["next_cursor"] is None:
            return pages
        asked["cursor"] = page["next_cursor"]


async def _devices(service: Service, session: SignedIn) -> list[str]:
    items = (await service.get("/v1/sessions", token=session.access_token)).json()["items"]
    return [item["device"] for item in items]


def _instants(item: dict[str, Any]) -> tuple[datetime, ...]:
    return tuple(datetime.fromisoformat(item[name]) for name in ("created_at", "last_used_at", "expires_at"))
