"""GET /v1/users/{id}, and who may call what only admins may."""

from typing import Any

import pytest

from tests.kit.accounts import make_person
from tests.kit.people import Person, SignedIn, problem
from tests.kit.services import Service

NOBODY = "0198f3c2-a7bb-7d10-a2b4-c6d8e0f1a2b3"
ADMINS_ONLY = [
    ("GET", "/v1/users", None),
    ("GET", "/v1/users/{}", None),
    ("PATCH", "/v1/users/{}", {"display_name": "Mallory"}),
    ("DELETE", "/v1/users/{}", None),
    ("POST", "/v1/users/{}/suspend", {}),
    ("POST", "/v1/users/{}/reinstate", None),
    ("PUT", "/v1/users/{}/roles", {"roles": ["admin"]}),
    ("GET", "/v1/users/{}/sessions", None),
    ("DELETE", "/v1/users/{}/sessions", None),
]


async def test_an_admin_reads_what_the_user_reads(service: Service, ada: Person, boss: SignedIn) -> None:
    own = await service.get("/v1/users/me", token=(await ada.sign_in()).access_token)

    answer = await service.get(f"/v1/users/{ada.id}", token=boss.access_token)

    assert (answer.status_code, answer.content, answer.headers["etag"]) == (200, own.content, own.headers["etag"])


async def test_a_copy_that_is_current_is_not_sent_again(service: Service, ada: Person, boss: SignedIn) -> None:
    read = await service.get(f"/v1/users/{ada.id}", token=boss.access_token)

    current = await service.get(
        f"/v1/users/{ada.id}", token=boss.access_token, headers={"If-None-Match": read.headers["etag"]}
    )
    other = await service.get(f"/v1/users/{ada.id}", token=boss.access_token, headers={"If-None-Match": '"1.9"'})

    assert (current.status_code, current.content, current.headers["etag"]) == (304, b"", read.headers["etag"])
    assert (other.status_code, other.content) == (200, read.content)


@pytest.mark.parametrize(("method", "path", "body"), ADMINS_ONLY)
async def test_only_admins_manage_users(
    service: Service, ada: Person, boss: SignedIn, method: str, path: str, body: object
) -> None:
    insider = await (await make_person(service, boss.access_token, "s@example.com", roles=["support"])).sign_in()
    sent: dict[str, Any] = {"headers": {"If-Match": "*"}} | ({} if body is None else {"json": body})
    before = await service.get(f"/v1/users/{ada.id}", token=boss.access_token)

    nobody = await service.call(method, path.format(ada.id), **sent)
    refused = await service.call(method, path.format(ada.id), token=insider.access_token, **sent)
    after = await service.get(f"/v1/users/{ada.id}", token=boss.access_token)
    allowed = await service.call(method, path.format(ada.id), token=boss.access_token, **sent)

    assert problem(nobody) == (401, "token_missing")
    assert problem(refused) == (403, "forbidden")
    assert after.content == before.content
    assert allowed.status_code in {200, 204}


@pytest.mark.parametrize(("method", "path", "body"), ADMINS_ONLY[1:])
async def test_an_id_that_nobody_has_is_not_found(
    service: Service, boss: SignedIn, method: str, path: str, body: object
) -> None:
    sent: dict[str, Any] = {"headers": {"If-Match": "*"}} | ({} if body is None else {"json": body})

    answer = await service.call(method, path.format(NOBODY), token=boss.access_token, **sent)

    assert problem(answer) == (404, "user_not_found")


@pytest.mark.parametrize("impossible", ["1", "mine", "0198f3c2-a7bb-7d10-a2b4-c6d8e0f1a2bg", "%00", "..%2Fme"])
async def test_an_id_that_cannot_exist_is_not_found(service: Service, boss: SignedIn, impossible: str) -> None:
    answer = await service.get(f"/v1/users/{impossible}", token=boss.access_token)

    assert problem(answer) == (404, "not_found")
