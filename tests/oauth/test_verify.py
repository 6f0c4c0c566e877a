"""/v1/verify: what a gateway asks before it lets a request pass."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import httpx
import pytest

from tests.kit.everywhere import refused_everywhere
from tests.kit.metrics import read_metrics
from tests.kit.people import Person, problem
from tests.kit.services import Service

USUAL = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
# What else the parser of our server knows: WebDAV and others, which a gateway may forward.
UNUSUAL = [
    "QUERY", "ACL", "BIND", "CHECKOUT", "COPY", "LINK", "LOCK", "M-SEARCH", "MERGE", "MKACTIVITY", "MKCALENDAR",
    "MKCOL", "MOVE", "NOTIFY", "PROPFIND", "PROPPATCH", "PURGE", "REBIND", "REPORT", "SEARCH", "SOURCE", "SUBSCRIBE",
    "UNBIND", "UNLINK", "UNLOCK", "UNSUBSCRIBE",
]  # fmt: skip
PATHS = ["/v1/verify", "/v1/verify/", "/v1/verify/orders/17", "/v1/verify/a%2Fb/../c", "/v1/verify/v1/users/me"]
# A header given twice takes a request off the fast lane, to the route.
TO_THE_ROUTE = [("X-Twice", "1"), ("X-Twice", "2")]


def identity(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("x-signet-")}


@pytest.mark.parametrize("extra", [[], TO_THE_ROUTE], ids=["warm", "route"])
async def test_any_method_is_answered(service: Service, ada: Person, extra: list[tuple[str, str]]) -> None:
    signed_in = await ada.sign_in()
    assert await service.accepts(signed_in.access_token)
    bearer = ("Authorization", f"Bearer {signed_in.access_token}")

    for method in [*USUAL, *UNUSUAL]:
        passed = await service._client.request(method, "/v1/verify/orders/17", headers=[bearer, *extra])
        refused = await service._client.request(method, "/v1/verify/orders/17", headers=extra)

        assert (method, passed.status_code, passed.content) == (method, 200, b"")
        assert identity(passed)["x-signet-user"] == ada.id
        assert (method, refused.status_code) == (method, 401)
        assert refused.headers["www-authenticate"] == "Bearer"
        assert identity(refused) == {}


@pytest.mark.parametrize("path", PATHS)
async def test_any_path_below_is_answered(service: Service, ada: Person, path: str) -> None:
    token = (await ada.sign_in()).access_token

    assert (await service.get(path, token=token)).status_code == 200
    assert problem(await service.get(path)) == (401, "token_missing")


@pytest.mark.parametrize("path", ["/v1/verifyx", "/v1/verif", "/v1"])
async def test_a_path_beside_is_not(service: Service, ada: Person, path: str) -> None:
    token = (await ada.sign_in()).access_token
    assert await service.accepts(token)

    assert problem(await service.get(path, token=token)) == (404, "not_found")


async def test_the_gateway_learns_who_calls_and_may_what(service: Service, admin: Person) -> None:
    signed_in = await admin.sign_in()

    answer = await service.get("/v1/verify", token=signed_in.access_token)

    assert identity(answer) == {
        "x-signet-user": admin.id,
        "x-signet-roles": "admin",
        "x-signet-scopes": "users:read users:write",
        "x-signet-session": signed_in.session_id,
    }
    assert answer.headers["cache-control"] == "no-store"


async def test_somebody_without_roles_has_empty_ones(service: Service, ada: Person) -> None:
    """They are there, so that a gateway overwrites what the client itself may have sent."""
    answer = await service.get("/v1/verify", token=(await ada.sign_in()).access_token)

    assert (identity(answer)["x-signet-roles"], identity(answer)["x-signet-scopes"]) == ("", "")


async def test_what_a_client_claims_in_such_headers_is_not_repeated(service: Service, ada: Person) -> None:
    token = (await ada.sign_in()).access_token

    answer = await service.get("/v1/verify", token=token, headers={"X-Signet-User": "root", "X-Signet-Roles": "admin"})

    assert (identity(answer)["x-signet-user"], identity(answer)["x-signet-roles"]) == (ada.id, "")


@pytest.mark.parametrize("extra", [{}, {"X-Twice": "1"}], ids=["warm", "cold"])
async def test_a_body_is_ignored_however_large_or_malformed(
    service: Service, ada: Person, extra: dict[str, str]
) -> None:
    token = (await ada.sign_in()).access_token
    if not extra:
        assert await service.accepts(token)
    json = {"Content-Type": "application/json", **extra}

    for body, headers in [
        (b"{" * 1000, json),
        (b"\xff\xfe\x00", {"Content-Type": "text/plain; charset=nonsense"}),
        (b"x" * 3_000_000, json),
    ]:
        assert (await service.post("/v1/verify", token=token, content=body, headers=headers)).status_code == 200
        assert problem(await service.post("/v1/verify", content=body, headers=headers)) == (401, "token_missing")
    assert await service.accepts(token)


async def test_a_body_of_unknown_length_is_ignored(service: Service, ada: Person) -> None:
    token = (await ada.sign_in()).access_token

    async def chunks() -> object:
        for _ in range(40):
            yield b"y" * 65_536

    assert (await service.post("/v1/verify", token=token, content=chunks())).status_code == 200
    assert await service.accepts(token)


async def test_the_announced_body_need_not_be_sent_before_the_answer(service: Service, ada: Person) -> None:
    """A gateway that forwards the headers alone may leave the Content-Length of the request it asks about."""
    token = (await ada.sign_in()).access_token
    host, port = service.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /v1/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
        b"Authorization: Bearer " + token.encode() + b"\r\n\r\n"
    )

    async with asyncio.timeout(10):
        status = await reader.readline()

    assert status == b"HTTP/1.1 200 OK\r\n"
    writer.close()


async def test_a_missing_scope_is_403_and_a_missing_token_stays_401(service: Service, admin: Person) -> None:
    token = (await admin.sign_in()).access_token

    granted = await service.get("/v1/verify?scope=users:read", token=token)
    missing = await service.get("/v1/verify?scope=users:delete", token=token)
    nobody = await service.get("/v1/verify?scope=users:read")

    assert granted.status_code == 200
    assert identity(granted)["x-signet-user"] == admin.id
    assert problem(missing) == (403, "insufficient_scope")
    assert missing.headers["www-authenticate"] == 'Bearer error="insufficient_scope"'
    assert identity(missing) == {}
    assert problem(nobody) == (401, "token_missing")


@pytest.mark.parametrize("scope", ["users", "users:rea", "users:read%20users:write", "%20", "", "USERS:READ"])
async def test_a_scope_is_compared_as_a_whole_word(service: Service, admin: Person, scope: str) -> None:
    token = (await admin.sign_in()).access_token
    assert await service.accepts(token)

    answer = await service.get(f"/v1/verify/anything?scope={scope}", token=token)

    assert problem(answer) == (403, "insufficient_scope")


async def test_each_of_two_scopes_is_asked_for(service: Service, admin: Person) -> None:
    token = (await admin.sign_in()).access_token

    both = await service.get("/v1/verify?scope=users:read&scope=users:write", token=token)
    first_missing = await service.get("/v1/verify?scope=users:delete&scope=users:read", token=token)
    last_missing = await service.get("/v1/verify?scope=users:read&scope=users:delete", token=token)

    assert both.status_code == 200
    assert problem(first_missing) == (403, "insufficient_scope")
    assert problem(last_missing) == (403, "insufficient_scope")


async def test_another_query_changes_nothing(service: Service, ada: Person) -> None:
    token = (await ada.sign_in()).access_token

    assert (await service.get("/v1/verify/orders?page=2&scopes=x", token=token)).status_code == 200


async def test_an_ended_session_is_refused_here_at_once_and_everywhere_within_a_second(
    replicas: tuple[Service, Service], ada: Person
) -> None:
    here = replicas[0]
    phone, laptop = await ada.sign_in("phone"), await ada.sign_in("laptop")
    for replica in replicas:
        assert await replica.accepts(phone.access_token)
        assert await replica.accepts(laptop.access_token)

    assert (await here.delete("/v1/sessions/current", token=phone.access_token)).status_code == 204

    refused = await here.get("/v1/verify", token=phone.access_token)
    assert problem(refused) == (401, "token_invalid")
    assert identity(refused) == {}
    await refused_everywhere(replicas, phone.access_token)
    for replica in replicas:
        assert await replica.accepts(laptop.access_token)


async def test_beyond_the_memory_of_revocations_the_database_is_asked_and_nothing_is_let_through(
    start_service: Callable[..., Awaitable[Service]], ada: Person
) -> None:
    small = await start_service(SIGNET_REVOCATION_MEMORY="1")
    ended = [await ada.sign_in(f"device {number}") for number in range(4)]
    kept = await ada.sign_in("kept")
    for each in ended:
        assert await small.accepts(each.access_token)
        assert (await small.delete("/v1/sessions/current", token=each.access_token)).status_code == 204
    before = (await read_metrics(small)).statements()

    for each in ended:
        assert await small.refuses(each.access_token)
    assert await small.accepts(kept.access_token)

    asked = (await read_metrics(small)).statements() - before
    assert asked["sessions.is_standing"] >= len(ended) - 1


async def test_a_replica_that_starts_later_refuses_what_ended_before(
    service: Service, start_service: Callable[..., Awaitable[Service]], ada: Person
) -> None:
    ended, outdated, kept = await ada.sign_in(), await ada.sign_in(), await ada.sign_in()
    await service.delete("/v1/sessions/current", token=ended.access_token)

    later = await start_service()

    assert await later.refuses(ended.access_token)
    assert await later.accepts(outdated.access_token)
    assert await later.accepts(kept.access_token)


async def test_a_token_of_a_session_that_the_database_never_had_is_only_as_good_as_its_signature(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    """Verification is offline: no row is looked up. What ends a session is a change, not a missing row."""
    signed_in = await ada.sign_in()
    await database.execute("DELETE FROM sessions WHERE id = $1", signed_in.session_id)

    assert await service.accepts(signed_in.access_token)
