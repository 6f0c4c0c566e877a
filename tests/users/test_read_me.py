"""GET /v1/users/me."""

import pytest

from tests.kit.people import Person, problem
from tests.kit.services import Service

FOREIGN = '"1.999"'


async def test_a_profile_is_what_registering_answered(service: Service, ada: Person) -> None:
    answer = await service.get("/v1/users/me", token=(await ada.sign_in()).access_token)

    assert answer.status_code == 200
    assert answer.json() == ada.profile


async def test_everybody_reads_their_own(service: Service, ada: Person, eve: Person) -> None:
    answers = [await service.get("/v1/users/me", token=(await person.sign_in()).access_token) for person in (ada, eve)]

    assert [answer.json()["id"] for answer in answers] == [ada.id, eve.id]


async def test_no_token_and_no_valid_token_are_told_apart(service: Service, ada: Person) -> None:
    none = await service.get("/v1/users/me")
    bad = await service.get("/v1/users/me", token=(await ada.sign_in()).access_token[:-4])

    assert problem(none) == (401, "token_missing")
    assert none.headers["www-authenticate"] == "Bearer"
    assert problem(bad) == (401, "token_invalid")
    assert bad.headers["www-authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.parametrize("sent", ["{}", "W/{}", '"1.999", {}', '"other" , W/{}', "*"])
async def test_a_copy_that_is_current_is_not_sent_again(service: Service, ada: Person, sent: str) -> None:
    session = await ada.sign_in()
    read = await service.get("/v1/users/me", token=session.access_token)
    headers = {"If-None-Match": sent.format(read.headers["etag"])}

    answer = await service.get("/v1/users/me", token=session.access_token, headers=headers)

    assert (answer.status_code, answer.content) == (304, b"")
    for name in ("etag", "cache-control", "vary"):
        assert answer.headers[name] == read.headers[name]
    assert "content-length" not in answer.headers


@pytest.mark.parametrize("sent", [FOREIGN, '"2.1"', "1.1", '""', "", '"1.01"', "garbage, more"])
async def test_a_copy_of_another_version_is_replaced(service: Service, ada: Person, sent: str) -> None:
    session = await ada.sign_in()

    answer = await service.get("/v1/users/me", token=session.access_token, headers={"If-None-Match": sent})

    assert (answer.status_code, answer.json()) == (200, ada.profile)


async def test_a_copy_is_out_of_date_once_the_profile_changes(service: Service, ada: Person) -> None:
    session = await ada.sign_in()
    old = (await service.get("/v1/users/me", token=session.access_token)).headers["etag"]
    await service.patch(
        "/v1/users/me", token=session.access_token, headers={"If-Match": old}, json={"display_name": "Ada King"}
    )

    answer = await service.get("/v1/users/me", token=session.access_token, headers={"If-None-Match": old})

    assert (answer.status_code, answer.json()["display_name"]) == (200, "Ada King")


async def test_a_profile_is_kept_by_its_owner_alone_and_asked_for_each_time(service: Service, ada: Person) -> None:
    answer = await service.get("/v1/users/me", token=(await ada.sign_in()).access_token)

    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["vary"].lower() == "authorization"
