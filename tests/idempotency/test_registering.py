"""Idempotency-Key on POST /v1/users: the same request twice does its work once and is answered alike."""

from base64 import b64encode
from collections.abc import Mapping
from datetime import timedelta
from hashlib import md5, sha1, sha256

import asyncpg
import httpx
import pytest

from tests.kit.dumping import dump
from tests.kit.environment import SECRET
from tests.kit.metrics import read_metrics
from tests.kit.people import PASSWORD, Person, problem
from tests.kit.services import Service, StartService

KEY = "6f1c5e0a-9b3d-4c62-a8e1-f0b2c3d4e5f6"
ADA = {"email": "ada@example.com", "password": PASSWORD, "display_name": "Ada"}
DAY = timedelta(hours=24)


async def test_a_repeat_makes_nothing_and_is_answered_like_the_first(
    replicas: tuple[Service, Service], database: asyncpg.Connection
) -> None:
    first = await register(replicas[0], ADA)
    repeats = [await register(replica, ADA) for replica in replicas]

    assert first.status_code == 201
    for repeat in repeats:
        assert (repeat.status_code, repeat.content) == (201, first.content)
        assert [repeat.headers[name] for name in ("location", "etag", "content-type", "cache-control")] == [
            first.headers[name] for name in ("location", "etag", "content-type", "cache-control")
        ]
    assert await database.fetchval("SELECT count(*) FROM users") == 1
    assert await database.fetchval("SELECT count(*) FROM audit_events") == 1


async def test_a_repeat_only_looks_up_what_the_first_made(service: Service) -> None:
    await register(service, ADA)
    before = (await read_metrics(service)).statements()

    await register(service, ADA)

    assert (await read_metrics(service)).statements() - before == {"idempotency.find": 1, "users.find": 1}


async def test_without_a_key_the_same_request_is_a_second_one(service: Service) -> None:
    await service.post("/v1/users", json=ADA)

    answer = await service.post("/v1/users", json=ADA)

    assert problem(answer) == (409, "email_taken")


async def test_another_key_is_another_request(service: Service) -> None:
    await register(service, ADA)

    assert problem(await register(service, ADA, KEY + "x")) == (409, "email_taken")
    assert (await register(service, {**ADA, "email": "eve@example.com"}, KEY + "y")).status_code == 201


@pytest.mark.parametrize(
    "change",
    [
        {"email": "eve@example.com"},
        {"email": "ADA@example.com"},
        {"password": PASSWORD + "!"},
        {"display_name": "ada"},
        {"display_name": None},
    ],
)
async def test_the_same_key_with_another_body_is_refused_and_makes_nothing(
    service: Service, database: asyncpg.Connection, change: dict[str, str | None]
) -> None:
    first = await register(service, ADA)

    refused = await register(service, {**ADA, **change})
    repeat = await register(service, ADA)

    assert problem(refused) == (422, "idempotency_key_reused")
    assert repeat.content == first.content
    assert await database.fetchval("SELECT count(*) FROM users") == 1


async def test_the_same_body_written_in_another_way_is_the_same(service: Service) -> None:
    first = await register(service, ADA)

    reordered = dict(reversed(ADA.items())) | {"roles": None}
    repeat = await register(service, reordered)

    assert (repeat.status_code, repeat.content) == (201, first.content)


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        ({**ADA, "email": "taken@example.com"}, (409, "email_taken")),
        ({**ADA, "password": "short"}, (422, "password_unacceptable")),
        ({**ADA, "email": "nothing"}, (422, "request_invalid")),
        ({**ADA, "roles": ["admin"]}, (403, "forbidden")),
    ],
)
async def test_a_refused_request_leaves_the_key_to_the_corrected_one(
    service: Service, database: asyncpg.Connection, body: dict[str, object], refusal: tuple[int, str]
) -> None:
    await service.post("/v1/users", json={**ADA, "email": "taken@example.com"})

    refused = await register(service, body)
    kept = await database.fetchval("SELECT count(*) FROM idempotency_keys")
    corrected = await register(service, ADA)

    assert problem(refused) == refusal
    assert kept == 0
    assert (corrected.status_code, corrected.json()["email"]) == (201, ADA["email"])


async def test_a_refusal_is_not_repeated_once_its_cause_is_gone(service: Service, ada: Person) -> None:
    refused = await register(service, ADA)
    await service.delete("/v1/users/me", token=(await ada.sign_in()).access_token)

    repeated = await register(service, ADA)

    assert problem(refused) == (409, "email_taken")
    assert repeated.status_code == 201
    assert repeated.json()["id"] != ada.id


async def test_the_same_key_of_another_caller_is_another_request(
    service: Service, ada: Person, eve: Person, database: asyncpg.Connection
) -> None:
    tokens = [None, (await ada.sign_in()).access_token, (await eve.sign_in()).access_token]
    bodies = [{**ADA, "email": f"new{number}@example.com"} for number in range(3)]

    firsts = [await register(service, body, token=token) for body, token in zip(bodies, tokens, strict=True)]
    repeats = [await register(service, body, token=token) for body, token in zip(bodies, tokens, strict=True)]

    assert [answer.status_code for answer in firsts] == [201] * 3
    assert [answer.content for answer in repeats] == [answer.content for answer in firsts]
    assert await database.fetchval("SELECT count(*) FROM idempotency_keys") == 3


async def test_a_caller_is_the_same_in_every_session(service: Service, ada: Person) -> None:
    body = {**ADA, "email": "new@example.com"}

    first = await register(service, body, token=(await ada.sign_in("phone")).access_token)
    repeat = await register(service, body, token=(await ada.sign_in("laptop")).access_token)

    assert (repeat.status_code, repeat.content) == (201, first.content)


@pytest.mark.parametrize("key", ["", "a b", "a" * 256, "\u00e9", "a\tb"])
async def test_a_malformed_key_is_refused_and_nothing_is_made(
    service: Service, database: asyncpg.Connection, key: str
) -> None:
    refused = await register(service, ADA, key)
    made = await database.fetchval("SELECT count(*) FROM users")
    allowed = await register(service, ADA, "!" + "~" * 254)

    assert problem(refused) == (400, "idempotency_key_malformed")
    assert made == 0
    assert allowed.status_code == 201


async def test_nothing_of_key_or_body_can_be_read_from_the_database(
    service: Service, database: asyncpg.Connection
) -> None:
    named = {**ADA, "display_name": "Augusta Ada King, Countess of Lovelace"}
    assert (await register(service, named)).status_code == 201

    stored = (await dump(database, "idempotency_keys")).casefold()
    everywhere = "".join([await dump(database, table) for table in ("users", "user_terms", "audit_events", "changes")])

    for text in (KEY, KEY.replace("-", ""), *named.values()):
        raw = text.encode()
        digests = [kind(raw, usedforsecurity=False).hexdigest() for kind in (md5, sha1, sha256)]
        for readable in (text, raw.hex(), b64encode(raw).decode(), *digests):
            assert readable.casefold() not in stored
    assert KEY not in everywhere
    assert PASSWORD not in everywhere


async def test_what_is_kept_is_status_and_resource(service: Service, database: asyncpg.Connection) -> None:
    user = (await register(service, ADA)).json()

    row = await database.fetchrow("SELECT status, resource_id::text, key_digest, body_digest FROM idempotency_keys")

    assert row is not None
    assert (row["status"], row["resource_id"]) == (201, user["id"])
    assert len(row["key_digest"]) == len(row["body_digest"]) == 32


async def test_a_key_is_kept_for_a_day(service: Service, database: asyncpg.Connection) -> None:
    first = await register(service, ADA)
    await age_keys(database, DAY - timedelta(minutes=1))

    assert (await register(service, ADA)).content == first.content
    assert problem(await register(service, {**ADA, "display_name": "Eve"})) == (422, "idempotency_key_reused")


async def test_a_key_is_free_again_after_a_day(service: Service, database: asyncpg.Connection) -> None:
    await register(service, ADA)
    await age_keys(database, DAY)

    refused = await register(service, ADA)
    other = await register(service, {**ADA, "email": "eve@example.com"})
    repeat = await register(service, {**ADA, "email": "eve@example.com"})

    assert problem(refused) == (409, "email_taken")
    assert (other.status_code, other.json()["email"]) == (201, "eve@example.com")
    assert repeat.content == other.content
    assert await database.fetchval("SELECT count(*) FROM idempotency_keys") == 1


async def test_a_key_outlives_the_rotation_of_secrets(service: Service, start_service: StartService) -> None:
    first = await register(service, ADA)
    rotated = await start_service(SIGNET_SECRET_KEYS=f"an0ther-S3cret-With-Enough-Different-Symbols,{SECRET}")

    repeat = await register(rotated, ADA)
    refused = await register(rotated, {**ADA, "display_name": "Eve"})

    assert (repeat.status_code, repeat.content) == (201, first.content)
    assert problem(refused) == (422, "idempotency_key_reused")


async def test_an_admin_s_import_is_repeated_too(service: Service, admin: Person, database: asyncpg.Connection) -> None:
    token = (await admin.sign_in()).access_token
    body = {"email": "joan@example.com", "password_hash": "$2b$04$" + "." * 53, "roles": ["support"]}

    first = await register(service, body, token=token)
    repeat = await register(service, body, token=token)
    other = await register(service, {**body, "roles": ["admin"]}, token=token)

    assert (repeat.status_code, repeat.content) == (201, first.content)
    assert problem(other) == (422, "idempotency_key_reused")
    assert await database.fetchval("SELECT count(*) FROM users") == 2


async def register(
    service: Service, body: Mapping[str, object], key: str = KEY, token: str | None = None
) -> httpx.Response:
    """Register under a key; it is sent as UTF-8, though HTTP knows ASCII alone."""
    headers = [(b"Idempotency-Key", key.encode())]
    headers += [(b"Authorization", f"Bearer {token}".encode())] if token else []
    return await service._client.post("/v1/users", json=body, headers=headers)


async def age_keys(database: asyncpg.Connection, by: timedelta) -> None:
    await database.execute("UPDATE idempotency_keys SET created_at = created_at - $1::interval", by)
