"""PATCH /v1/users/me."""

import asyncpg
import httpx
import pytest

from tests.kit.accounts import refused_fields
from tests.kit.people import Person, SignedIn, problem
from tests.kit.services import Service
from tests.kit.waiting import eventually

NEW = {"display_name": "Ada King"}
ME = "/v1/users/me"
OTHER_TAGS = [
    *('"1.2"', '"1.0"', '"2.1"', '"1.01"', '"1.-1"', '"1.\u0661"', 'W/"1.1"', "1.1", '"1.1', '""', "", '"*"'),
    *(f'"1.{2**63}"', f'"1.{10**30}"', f'"1.{"9" * 5000}"'),
]


@pytest.fixture
async def session(ada: Person) -> SignedIn:
    return await ada.sign_in()


async def test_a_name_is_changed_for_whoever_names_the_version_they_read(service: Service, session: SignedIn) -> None:
    read = await service.get(ME, token=session.access_token)

    answer = await edit(service, session, read.headers["etag"], NEW)

    assert answer.status_code == 200
    assert answer.json() == {**read.json(), **NEW, "updated_at": answer.json()["updated_at"]}
    assert answer.json()["updated_at"] > read.json()["updated_at"]
    assert answer.headers["etag"] != read.headers["etag"]


async def test_who_changed_a_profile_reads_the_change_at_once(service: Service, session: SignedIn) -> None:
    before = await service.get(ME, token=session.access_token)
    changed = await edit(service, session, before.headers["etag"], NEW)

    after = await service.get(ME, token=session.access_token)

    assert (after.content, after.headers["etag"]) == (changed.content, changed.headers["etag"])


async def test_every_replica_shows_the_change_within_a_second(
    replicas: tuple[Service, Service], session: SignedIn
) -> None:
    read = await replicas[1].get(ME, token=session.access_token)
    await edit(replicas[0], session, read.headers["etag"], NEW)

    async def shows_it() -> bool:
        return bool((await replicas[1].get(ME, token=session.access_token)).json()["display_name"] == "Ada King")

    await eventually(shows_it, within=1.0)


async def test_if_match_is_required(service: Service, session: SignedIn) -> None:
    refused = await service.patch(ME, token=session.access_token, json=NEW)
    allowed = await edit(service, session, "*", NEW)

    assert problem(refused) == (428, "if_match_missing")
    assert allowed.status_code == 200


async def test_the_second_of_two_who_read_the_same_is_refused(service: Service, session: SignedIn) -> None:
    etag = (await service.get(ME, token=session.access_token)).headers["etag"]

    first = await edit(service, session, etag, {"display_name": "First"})
    second = await edit(service, session, etag, {"display_name": "Second"})

    assert first.status_code == 200
    assert problem(second) == (412, "version_stale")
    assert (await service.get(ME, token=session.access_token)).json()["display_name"] == "First"


async def test_one_tag_of_several_is_enough(service: Service, session: SignedIn) -> None:
    etag = (await service.get(ME, token=session.access_token)).headers["etag"]

    answer = await edit(service, session, f'"other", {etag}', NEW)

    assert answer.status_code == 200


@pytest.mark.parametrize("tag", OTHER_TAGS, ids=lambda tag: tag[:24])
async def test_any_other_tag_is_stale(service: Service, session: SignedIn, tag: str) -> None:
    current = (await service.get(ME, token=session.access_token)).headers["etag"]
    headers = [(b"If-Match", tag.encode()), (b"Authorization", f"Bearer {session.access_token}".encode())]
    refused = await service._client.patch(ME, headers=headers, json=NEW)
    allowed = await edit(service, session, current, NEW)

    assert current == '"1.1"'
    assert problem(refused) == (412, "version_stale")
    assert allowed.status_code == 200


@pytest.mark.parametrize("body", [NEW, {}])
async def test_a_change_to_the_same_changes_nothing(
    service: Service, session: SignedIn, database: asyncpg.Connection, body: dict[str, str]
) -> None:
    changed = await edit(service, session, "*", NEW)

    again = await edit(service, session, changed.headers["etag"], body)

    assert again.status_code == 200
    assert (again.content, again.headers["etag"]) == (changed.content, changed.headers["etag"])
    assert await database.fetchval("SELECT count(*) FROM audit_events WHERE kind = 'user.changed'") == 1


async def test_a_change_to_the_same_is_refused_too_when_it_is_stale(service: Service, session: SignedIn) -> None:
    await edit(service, session, '"1.1"', NEW)

    refused = await edit(service, session, '"1.1"', NEW)
    allowed = await edit(service, session, '"1.2"', NEW)

    assert problem(refused) == (412, "version_stale")
    assert allowed.status_code == 200


async def test_null_clears_the_name(service: Service, session: SignedIn) -> None:
    await edit(service, session, "*", NEW)

    answer = await edit(service, session, "*", {"display_name": None})

    assert answer.json()["display_name"] is None


@pytest.mark.parametrize("field", ["email", "email_verified", "roles", "status", "id", "password", "updated_at"])
async def test_nothing_else_is_one_s_own_to_change(service: Service, session: SignedIn, field: str) -> None:
    before = await service.get(ME, token=session.access_token)
    value = {"email_verified": True, "roles": ["admin"]}.get(field, "active")

    answer = await edit(service, session, "*", {**NEW, field: value})

    assert problem(answer) == (422, "request_invalid")
    assert refused_fields(answer) == {f"/{field}"}
    assert (await service.get(ME, token=session.access_token)).content == before.content


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", "a\x85b", "a\u2028b", "a\u202eb", "a\u2066b", 5, ["Ada"]])
async def test_a_name_that_is_none_is_refused(service: Service, session: SignedIn, name: object) -> None:
    answer = await edit(service, session, "*", {"display_name": name})

    assert problem(answer) == (422, "request_invalid")
    assert refused_fields(answer) == {"/display_name"}


async def test_nobody_changes_a_profile_without_a_token(service: Service) -> None:
    answer = await service.patch(ME, headers={"If-Match": "*"}, json=NEW)

    assert problem(answer) == (401, "token_missing")


async def edit(service: Service, session: SignedIn, etag: str, body: object) -> httpx.Response:
    return await service.patch(ME, token=session.access_token, headers={"If-Match": etag}, json=body)
