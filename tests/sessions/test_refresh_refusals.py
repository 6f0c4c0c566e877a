"""POST /v1/sessions/refresh: who is refused, and what never reaches Postgres."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from service.security import refresh_tokens
from service.security.secrets import Secrets
from tests.kit.environment import SECRET
from tests.kit.metrics import read_metrics, total
from tests.kit.people import Person, problem
from tests.kit.refreshing import refresh, refreshed, session_row
from tests.kit.services import Service

FOREIGN_SECRET = "An0ther-Secret-That-Is-Not-Configured-Here-42"
REFUSED = (401, "refresh_token_refused")


def _parts(change: Callable[[list[str]], list[str]]) -> Callable[[str], str]:
    return lambda token: ".".join(change(token.split(".")))


def _of_other_secret(token: str) -> str:
    """The right secret id over a mac of another secret: what somebody who knows one token can write."""
    presented = refresh_tokens.find_presented(Secrets([SECRET]), token)
    assert presented is not None
    forged = refresh_tokens.issue(Secrets([FOREIGN_SECRET]), presented.session_id, presented.generation)
    return ".".join([*token.split(".")[:4], forged.split(".")[4]])


GARBAGE: dict[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "a word": lambda _: "garbage",
    "longest": lambda _: "v1." + "a" * 509,
    "nul": lambda token: token + "\0",
    "newline behind": lambda token: token + "\n",
    "space before": lambda token: " " + token,
    "upper case": str.upper,
    "other version": lambda token: token.replace("v1.", "v2.", 1),
    "no mac": _parts(lambda parts: parts[:4]),
    "empty mac": _parts(lambda parts: [*parts[:4], ""]),
    "forged mac": _parts(lambda parts: [*parts[:4], "A" * 43]),
    "last bits of the mac": _parts(lambda parts: [*parts[:4], parts[4][:-1] + chr(ord(parts[4][-1]) ^ 1)]),
    "longer mac": _parts(lambda parts: [*parts[:4], parts[4] + "A"]),
    "padded mac": _parts(lambda parts: [*parts[:4], parts[4] + "="]),
    "mac of another secret": _of_other_secret,
    "next generation": _parts(lambda parts: [*parts[:3], "1", parts[4]]),
    "leading zero": _parts(lambda parts: [*parts[:3], "00", parts[4]]),
    "negative generation": _parts(lambda parts: [*parts[:3], "-1", parts[4]]),
    "huge generation": _parts(lambda parts: [*parts[:3], "9" * 40, parts[4]]),
    "other digits": _parts(lambda parts: [*parts[:3], "\u0660", parts[4]]),
    "another session": _parts(lambda parts: [*parts[:2], uuid4().hex, *parts[3:]]),
    "session with dashes": _parts(lambda parts: [*parts[:2], f"{parts[2][:8]}-{parts[2][8:]}", *parts[3:]]),
    "twice": lambda token: f"{token}.{token}",
}


@pytest.mark.parametrize("spoil", GARBAGE.values(), ids=GARBAGE.keys())
async def test_garbage_is_refused_and_never_reaches_a_store(
    service: Service, ada: Person, spoil: Callable[[str], str]
) -> None:
    phone = await ada.sign_in()
    before = await read_metrics(service)

    answer = await refresh(service, spoil(phone.refresh_token))

    after = await read_metrics(service)
    assert problem(answer) == REFUSED
    assert after.statements() == before.statements()
    assert after.redis_commands() == before.redis_commands()
    counted = [reading.value("signet_refreshes_total", outcome="garbage") for reading in (before, after)]
    assert counted[1] == counted[0] + 1
    assert (await refresh(service, phone.refresh_token)).status_code == 200


async def test_a_token_of_an_unknown_secret_is_refused_counted_and_never_reaches_a_store(
    service: Service, ada: Person
) -> None:
    phone = await ada.sign_in()
    presented = refresh_tokens.find_presented(Secrets([SECRET]), phone.refresh_token)
    assert presented is not None
    foreign = refresh_tokens.issue(Secrets([FOREIGN_SECRET]), presented.session_id, presented.generation)
    before = await read_metrics(service)

    answer = await refresh(service, foreign)

    after = await read_metrics(service)
    assert problem(answer) == REFUSED
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'
    unknown = "signet_refresh_secret_unknown_total"
    assert after.value(unknown) == before.value(unknown) + 1
    assert after.statements() == before.statements()
    assert (await refresh(service, phone.refresh_token)).status_code == 200


async def test_a_genuine_token_of_a_session_that_never_was_is_refused(service: Service, ada: Person) -> None:
    phone = await ada.sign_in()
    before = await total((service,), "signet_refreshes_total", outcome="unknown")

    answer = await refresh(service, refresh_tokens.issue(Secrets([SECRET]), uuid4(), 0))

    assert problem(answer) == REFUSED
    assert await total((service,), "signet_refreshes_total", outcome="unknown") == before + 1
    assert (await refresh(service, phone.refresh_token)).status_code == 200


@pytest.mark.parametrize("status", ["suspended", "closed"])
async def test_a_user_who_is_not_active_is_refused_even_if_the_session_was_left_running(
    service: Service, ada: Person, eve: Person, database: asyncpg.Connection, status: str
) -> None:
    phone, other = await ada.sign_in(), await eve.sign_in()
    erased = "email = CASE $2 WHEN 'suspended' THEN email END, email_key = CASE $2 WHEN 'suspended' THEN email_key END"
    await database.execute(f"UPDATE users SET status = $2, {erased} WHERE id = $1", ada.id, status)  # noqa: S608
    before = await total((service,), "signet_refreshes_total", outcome="inactive")

    answer = await refresh(service, phone.refresh_token)

    assert problem(answer) == REFUSED
    assert await total((service,), "signet_refreshes_total", outcome="inactive") == before + 1
    row = await session_row(database, phone.session_id)
    assert (row["generation"], row["ended_at"]) == (0, None)
    assert (await refresh(service, other.refresh_token)).status_code == 200


async def test_a_suspended_users_sessions_stay_over_when_they_are_reinstated(
    service: Service, ada: Person, admin: Person
) -> None:
    boss, phone = await admin.sign_in(), await ada.sign_in()
    await service.post(f"/v1/users/{ada.id}/suspend", json={}, token=boss.access_token)
    while_suspended = await refresh(service, phone.refresh_token)
    await service.post(f"/v1/users/{ada.id}/reinstate", token=boss.access_token)

    afterwards = await refresh(service, phone.refresh_token)

    assert problem(while_suspended) == problem(afterwards) == REFUSED
    assert (await refreshed(service, (await ada.sign_in()).refresh_token)).session_id


async def test_a_closed_users_sessions_are_over(service: Service, ada: Person, admin: Person) -> None:
    boss, phone = await admin.sign_in(), await ada.sign_in()
    before = await refresh(service, phone.refresh_token)
    await service.delete(f"/v1/users/{ada.id}", token=boss.access_token)

    afterwards = await refresh(service, before.json()["refresh_token"])

    assert before.status_code == 200
    assert problem(afterwards) == REFUSED


@pytest.mark.parametrize("body", [{}, {"refresh_token": None}, {"refresh_token": 1}, {"refresh_token": "x" * 513}])
async def test_a_body_without_a_token_is_invalid(service: Service, body: dict[str, Any]) -> None:
    answer = await service.post("/v1/sessions/refresh", json=body)

    assert problem(answer) == (422, "request_invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/refresh_token"]


async def test_an_access_token_is_no_refresh_token(service: Service, ada: Person) -> None:
    phone = await ada.sign_in()

    answer = await refresh(service, phone.access_token[:512])

    assert problem(answer) == REFUSED


async def test_a_refresh_token_is_no_access_token(service: Service, ada: Person) -> None:
    phone = await ada.sign_in()

    assert await service.refuses(phone.refresh_token)
    assert await service.accepts(phone.access_token)
