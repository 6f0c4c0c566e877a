"""GET and DELETE /v1/users/{id}/sessions: an admin looks at somebody's sessions, and ends them."""

import asyncpg

from tests.kit.everywhere import refused_everywhere
from tests.kit.people import Person, SignedIn, problem
from tests.kit.refreshing import refresh
from tests.kit.services import Service

SHAPE = {"id", "device", "address", "created_at", "last_used_at", "expires_at", "current"}


async def test_an_admin_sees_a_user_s_sessions_newest_first(service: Service, ada: Person, boss: SignedIn) -> None:
    sessions = [await ada.sign_in(device) for device in ("phone", "laptop", "tablet")]
    await service.delete("/v1/sessions/current", token=sessions[1].access_token)

    answer = await service.get(f"/v1/users/{ada.id}/sessions", token=boss.access_token)

    items = answer.json()["items"]
    assert answer.json()["next_cursor"] is None
    assert [(item["id"], item["device"]) for item in items] == [
        (sessions[2].session_id, "tablet"),
        (sessions[0].session_id, "phone"),
    ]
    assert all(item.keys() == SHAPE for item in items)


async def test_the_admin_s_own_session_is_marked_and_nobody_else_s(
    service: Service, ada: Person, admin: Person, boss: SignedIn
) -> None:
    await ada.sign_in()
    await admin.sign_in("another desk")

    own = (await service.get(f"/v1/users/{admin.id}/sessions", token=boss.access_token)).json()["items"]
    others = (await service.get(f"/v1/users/{ada.id}/sessions", token=boss.access_token)).json()["items"]

    assert {item["id"] for item in own if item["current"]} == {boss.session_id}
    assert [item["current"] for item in others] == [False]


async def test_pages_of_sessions_belong_to_one_user(service: Service, ada: Person, eve: Person, boss: SignedIn) -> None:
    sessions = [await ada.sign_in(str(number)) for number in range(3)]
    path = f"/v1/users/{ada.id}/sessions"
    first = (await service.get(path, params={"limit": 2}, token=boss.access_token)).json()
    question = {"limit": 2, "cursor": first["next_cursor"]}

    second = (await service.get(path, params=question, token=boss.access_token)).json()
    foreign = await service.get(f"/v1/users/{eve.id}/sessions", params=question, token=boss.access_token)

    seen = [item["id"] for item in first["items"] + second["items"]]
    assert seen == [session.session_id for session in reversed(sessions)]
    assert second["next_cursor"] is None
    assert problem(foreign) == (422, "cursor_malformed")


async def test_an_admin_ends_every_session_of_a_user(
    replicas: tuple[Service, Service], ada: Person, eve: Person, boss: SignedIn, database: asyncpg.Connection
) -> None:
    phone, laptop, other = await ada.sign_in("phone"), await ada.sign_in("laptop"), await eve.sign_in()

    answer = await replicas[0].delete(f"/v1/users/{ada.id}/sessions", token=boss.access_token)

    assert answer.status_code == 204
    await refused_everywhere(replicas, phone.access_token, laptop.access_token)
    assert problem(await refresh(replicas[1], phone.refresh_token)) == (401, "refresh_token_refused")
    assert await replicas[1].accepts(other.access_token)
    assert await replicas[1].accepts((await ada.sign_in()).access_token)
    assert await database.fetchval("SELECT count(*) FROM audit_events WHERE kind = 'session.all_ended'") == 1
