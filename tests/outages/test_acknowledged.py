"""What clients were told is there afterwards, and what they were not told is there wholly or not at all."""

import asyncio
from dataclasses import dataclass, field

import asyncpg
import httpx
import pytest

from tests.kit.accounts import CHEAP_HASH
from tests.kit.people import PASSWORD, Person, SignedIn
from tests.kit.services import Service
from tests.kit.waiting import eventually
from tests.outages.behind import BACK_WITHIN, Behind, works
from tests.outages.ways import POSTGRES_ACCIDENTS, Away

WRITERS_PER_REPLICA = 3
ENOUGH = 6
SOON = 20.0

# Facts that one transaction writes together; each counts the halves.
HALVES = {
    "users without terms": """SELECT count(*) FROM users u
        WHERE NOT EXISTS (SELECT FROM user_terms WHERE user_id = u.id)""",
    "users nobody wrote down": """SELECT count(*) FROM users u
        WHERE NOT EXISTS (SELECT FROM audit_events WHERE user_id = u.id AND kind LIKE 'user%')""",
    "sessions nobody wrote down": """SELECT count(*) FROM sessions s
        WHERE NOT EXISTS (SELECT FROM audit_events WHERE session_id = s.id)""",
    "events of sessions that are not there": """SELECT count(*) FROM audit_events e
        WHERE session_id IS NOT NULL AND NOT EXISTS (SELECT FROM sessions WHERE id = e.session_id)""",
    "endings nobody hears of": """SELECT count(*) FROM sessions s
        WHERE ended_at IS NOT NULL AND NOT EXISTS (SELECT FROM changes WHERE kind = 'session' AND subject = s.id)""",
}


@dataclass
class Told:
    """What clients were told: 201, 200 and 204; and every refusal."""

    created: dict[str, str] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    refused: int = 0

    def has_refused(self, answer: httpx.Response) -> bool:
        """Note a 503; anything else that is no success is a mistake."""
        assert answer.is_success or answer.status_code == 503, answer.text
        self.refused += answer.status_code == 503
        return not answer.is_success


@pytest.mark.parametrize("way", POSTGRES_ACCIDENTS)
async def test_nothing_acknowledged_is_lost_and_nothing_is_half_written(
    replicas_behind_faults: tuple[Service, Service], behind: Behind, way: Away, admin: Person
) -> None:
    root = await admin.sign_in()
    told = Told()
    stopped = asyncio.Event()
    writers = [
        asyncio.ensure_future(_write(replica, root, told, stopped, f"{number}-{writer}"))
        for number, replica in enumerate(replicas_behind_faults)
        for writer in range(WRITERS_PER_REPLICA)
    ]
    try:
        await _more_ended(told)
        async with way(behind.postgres):
            await eventually(_came_to_something, told, told.refused, len(told.ended), within=SOON)
        for replica in replicas_behind_faults:
            await eventually(works, replica, root, within=BACK_WITHIN)
        await _more_ended(told)
    finally:
        stopped.set()
        await asyncio.gather(*writers)

    connection = await asyncpg.connect(behind.postgres.server.url)
    try:
        assert {what: await connection.fetchval(sql) for what, sql in HALVES.items()} == dict.fromkeys(HALVES, 0)
        users = await connection.fetch("SELECT id::text, display_name FROM users")
        sessions = await connection.fetch("SELECT id::text, ended_at IS NOT NULL AS is_over FROM sessions")
    finally:
        await connection.close()
    assert told.created.items() <= {user["id"]: user["display_name"] for user in users}.items()
    assert told.opened <= {session["id"] for session in sessions}
    assert told.ended <= {session["id"] for session in sessions if session["is_over"]}


async def _write(service: Service, root: SignedIn, told: Told, stopped: asyncio.Event, name: str) -> None:
    """Create somebody, sign in, sign out, again and again; go on to the next one after a refusal."""
    count = 0
    while not stopped.is_set():
        count += 1
        await _one_life(service, root, told, f"{name}-{count}")


async def _one_life(service: Service, root: SignedIn, told: Told, name: str) -> None:
    email = f"{name}@example.com"
    body = {"email": email, "password_hash": CHEAP_HASH, "display_name": name}
    created = await service.post("/v1/users", token=root.access_token, json=body)
    if told.has_refused(created):
        return
    told.created[created.json()["id"]] = name
    opened = await service.post("/v1/sessions", json={"email": email, "password": PASSWORD})
    if told.has_refused(opened):
        return
    session = SignedIn.of(opened)
    told.opened.add(session.session_id)
    ended = await service.delete("/v1/sessions/current", token=session.access_token)
    if not told.has_refused(ended):
        told.ended.add(session.session_id)


async def _more_ended(told: Told) -> None:
    await eventually(_came_to_something, told, float("inf"), len(told.ended), within=SOON)


async def _came_to_something(told: Told, refused: float, ended: int) -> bool:
    """Tell whether something was refused since, or enough lives went by without: not every accident is noticed."""
    return told.refused > refused or len(told.ended) >= ended + ENOUGH
