"""PUT /v1/account/password."""

import asyncio
from typing import Any

import asyncpg
import pytest

from tests.kit.claims import lineage, read_claims
from tests.kit.everywhere import accepted_everywhere, refused_everywhere
from tests.kit.metrics import read_metrics
from tests.kit.people import Person, SignedIn, problem
from tests.kit.refreshing import refresh, refreshed, running_sessions, session_row
from tests.kit.services import Service, StartService

NEW = "a better password than before"


async def test_a_new_password_ends_every_earlier_session_and_opens_a_new_one(
    replicas: tuple[Service, Service], ada: Person, database: asyncpg.Connection
) -> None:
    phone, laptop = await ada.sign_in("phone"), await ada.sign_in("laptop")

    answer = await replicas[0].put("/v1/account/password", json=_change(ada), token=phone.access_token)

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    pair = SignedIn.of(answer)
    assert pair.session_id not in {phone.session_id, laptop.session_id}
    await refused_everywhere(replicas, phone.access_token, laptop.access_token)
    for session in (phone, laptop):
        assert problem(await refresh(replicas[1], session.refresh_token)) == (401, "refresh_token_refused")
        assert (await session_row(database, session.session_id))["ended_by"] == "password"
    assert await running_sessions(database, ada.id) == {pair.session_id}
    await accepted_everywhere(replicas, pair.access_token)
    assert (await refresh(replicas[1], pair.refresh_token)).status_code == 200


async def test_the_answer_is_a_whole_pair_and_keeps_the_name_of_the_device(service: Service, ada: Person) -> None:
    phone = await ada.sign_in("phone")

    pair = (await service.put("/v1/account/password", json=_change(ada), token=phone.access_token)).json()

    assert set(pair) == {
        "token_type",
        "access_token",
        "expires_in",
        "refresh_token",
        "refresh_expires_in",
        "session",
    }
    assert set(pair["session"]) == {"id", "device", "created_at", "expires_at"}
    assert pair["session"]["device"] == "phone"
    assert lineage(pair["refresh_token"])[1] == 0
    claims = read_claims(pair["access_token"])
    assert (claims["sub"], claims["sid"]) == (ada.id, pair["session"]["id"])
    assert claims["epoch"] == read_claims(phone.access_token)["epoch"] + 1


async def test_one_signs_in_with_the_new_password_and_no_longer_with_the_old(service: Service, ada: Person) -> None:
    phone = await ada.sign_in()
    await service.put("/v1/account/password", json=_change(ada), token=phone.access_token)

    with_old = await service.post("/v1/sessions", json={"email": ada.email, "password": ada.password})
    with_new = await service.post("/v1/sessions", json={"email": ada.email, "password": NEW})

    assert problem(with_old) == (401, "credentials_wrong")
    assert with_new.status_code == 201


async def test_a_wrong_current_password_changes_nothing(
    replicas: tuple[Service, Service], ada: Person, database: asyncpg.Connection
) -> None:
    phone, laptop = await ada.sign_in("phone"), await ada.sign_in("laptop")
    body = {"current_password": "not the current one", "new_password": NEW}

    answer = await replicas[0].put("/v1/account/password", json=body, token=phone.access_token)

    assert problem(answer) == (403, "current_password_wrong")
    assert await running_sessions(database, ada.id) == {phone.session_id, laptop.session_id}
    await accepted_everywhere(replicas, phone.access_token, laptop.access_token)
    assert (await ada.sign_in()).session_id


async def test_others_keep_their_sessions(service: Service, ada: Person, eve: Person) -> None:
    phone, bystander = await ada.sign_in(), await eve.sign_in()

    await service.put("/v1/account/password", json=_change(ada), token=phone.access_token)

    assert await service.accepts(bystander.access_token)
    assert (await eve.sign_in()).session_id


@pytest.mark.parametrize(
    "new_password",
    ["short", "1234567", "password123", "PassWord123", "x" * 257, "nul\0nul\0nul", "a" * 7 + "\u0301"],
)
async def test_a_new_password_that_may_not_be_one_is_refused_before_anything_is_hashed(
    service: Service, ada: Person, new_password: str
) -> None:
    phone = await ada.sign_in()
    before = await read_metrics(service)

    refused = await service.put("/v1/account/password", json=_change(ada, new_password), token=phone.access_token)

    after = await read_metrics(service)
    assert problem(refused) == (422, "password_unacceptable")
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/new_password"]
    assert after.hashes() == before.hashes()
    assert await service.accepts(phone.access_token)
    assert (await ada.sign_in()).session_id


@pytest.mark.parametrize("new_password", ["12345678 and more", "\u4f60\u597d" * 4, "x" * 256, "  eight  "])
async def test_any_other_text_may_be_a_password(service: Service, ada: Person, new_password: str) -> None:
    phone = await ada.sign_in()

    answer = await service.put("/v1/account/password", json=_change(ada, new_password), token=phone.access_token)

    assert answer.status_code == 200
    ada.password = new_password
    assert (await ada.sign_in()).session_id


@pytest.mark.parametrize(
    "body",
    [
        {"new_password": NEW},
        {"current_password": "x"},
        {"current_password": None, "new_password": NEW},
        {"current_password": "x", "new_password": 12345678},
        {"current_password": "x", "new_password": NEW, "keep_sessions": True},
    ],
)
async def test_a_body_that_is_wrong_is_refused(service: Service, ada: Person, body: dict[str, Any]) -> None:
    phone = await ada.sign_in()

    answer = await service.put("/v1/account/password", json=body, token=phone.access_token)

    assert problem(answer) == (422, "request_invalid")
    assert await service.accepts(phone.access_token)


async def test_without_a_token_there_is_no_account(service: Service, ada: Person) -> None:
    phone = await ada.sign_in()

    missing = await service.put("/v1/account/password", json=_change(ada))
    invalid = await service.put("/v1/account/password", json=_change(ada), token="nonsense")
    right = await service.put("/v1/account/password", json=_change(ada), token=phone.access_token)

    assert problem(missing) == (401, "token_missing")
    assert problem(invalid) == (401, "token_invalid")
    assert right.status_code == 200


async def test_the_token_of_an_ended_session_changes_nothing(service: Service, ada: Person) -> None:
    phone = await ada.sign_in()
    await service.delete("/v1/sessions/current", token=phone.access_token)

    answer = await service.put("/v1/account/password", json=_change(ada), token=phone.access_token)

    assert problem(answer) == (401, "token_invalid")
    assert (await ada.sign_in()).session_id


async def test_the_change_is_audited_with_the_new_session_and_without_a_secret(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in()
    pair = SignedIn.of(await service.put("/v1/account/password", json=_change(ada), token=phone.access_token))

    event = await database.fetchrow("SELECT * FROM audit_events WHERE kind = 'user.password_changed'")

    assert event is not None
    assert (str(event["user_id"]), str(event["actor_id"])) == (ada.id, ada.id)
    assert str(event["session_id"]) == pair.session_id
    assert not {ada.password, NEW} & {str(value) for value in event.values()}
    assert NEW not in event["details"]


async def test_the_new_hash_is_of_current_parameters_and_raises_the_passwords_version(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in()
    columns = "SELECT password_version, password_scheme, password_hash FROM users WHERE id = $1"
    former = await database.fetchrow(columns, ada.id)

    await service.put("/v1/account/password", json=_change(ada), token=phone.access_token)

    latter = await database.fetchrow(columns, ada.id)
    assert former is not None
    assert latter is not None
    assert latter["password_version"] == former["password_version"] + 1
    assert latter["password_scheme"] == "argon2id$7168,1,1"
    assert latter["password_hash"] != former["password_hash"]


async def test_the_new_session_refreshes_like_any_other(replicas: tuple[Service, Service], ada: Person) -> None:
    phone = await ada.sign_in()
    pair = SignedIn.of(await replicas[0].put("/v1/account/password", json=_change(ada), token=phone.access_token))

    again = await refreshed(replicas[1], pair.refresh_token)

    assert (again.session_id, lineage(again.refresh_token)[1]) == (pair.session_id, 1)
    await accepted_everywhere(replicas, pair.access_token, again.access_token)


async def test_of_many_changes_at_once_exactly_one_wins(
    start_service: StartService, ada: Person, database: asyncpg.Connection
) -> None:
    patient = await start_service(SIGNET_HASH_WAIT="60s", SIGNET_REQUEST_TIMEOUT="60s")
    phone = await ada.sign_in("phone", patient)
    wanted = [f"{NEW}, number {number}" for number in range(20)]

    answers = await asyncio.gather(
        *(
            patient.put("/v1/account/password", json=_change(ada, password), token=phone.access_token)
            for password in wanted
        )
    )

    winners = [number for number, answer in enumerate(answers) if answer.status_code == 200]
    assert len(winners) == 1
    refusals = {problem(answer) for answer in answers if answer.status_code != 200}
    assert refusals <= {(409, "password_overtaken"), (403, "current_password_wrong"), (401, "token_invalid")}
    pair = SignedIn.of(answers[winners[0]])
    assert await running_sessions(database, ada.id) == {pair.session_id}
    assert await patient.accepts(pair.access_token)
    ada.password = wanted[winners[0]]
    assert (await ada.sign_in()).session_id


def _change(person: Person, new_password: str = NEW) -> dict[str, str]:
    return {"current_password": person.password, "new_password": new_password}
