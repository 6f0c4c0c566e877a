"""What an access token says: exactly the claims of the contract, and nothing that is not true."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from tests.kit.ageing import AGE, age
from tests.kit.claims import read_claims
from tests.kit.mint import header_of, now
from tests.kit.people import Person, new_person
from tests.kit.refreshing import refreshed
from tests.kit.services import Service

ALWAYS = {"iss", "aud", "sub", "sid", "iat", "exp", "jti", "client_id", "auth_time", "epoch"}


async def test_a_token_says_exactly_what_the_contract_lists(admin: Person) -> None:
    claims = read_claims((await admin.sign_in()).access_token)

    assert claims.keys() == ALWAYS | {"roles", "scope"}
    assert claims["roles"] == ["admin"]
    assert claims["scope"] == "users:read users:write"


async def test_a_token_of_somebody_without_roles_leaves_out_what_would_be_empty(ada: Person) -> None:
    """RFC 6749, 3.3, has no empty scope, and validators of RFC 9068 refuse one."""
    began = now()
    signed_in = await ada.sign_in("phone")
    ended = now()

    claims = read_claims(signed_in.access_token)

    assert claims.keys() == ALWAYS
    assert claims["iss"] == "https://id.example.test"
    assert claims["aud"] == "signet"
    assert claims["sub"] == ada.id
    assert claims["sid"] == signed_in.session_id
    assert claims["client_id"] == "signet"
    assert claims["epoch"] == 0
    assert UUID(claims["jti"]).version == 7
    assert began - 1 <= claims["auth_time"] <= claims["iat"] <= ended + 1
    assert claims["exp"] - claims["iat"] == signed_in.expires_in == 600


async def test_the_header_names_the_algorithm_the_key_and_the_type_alone(service: Service, ada: Person) -> None:
    header = header_of((await ada.sign_in()).access_token)
    published = (await service.get("/.well-known/jwks.json")).json()["keys"]

    assert header.keys() == {"alg", "kid", "typ"}
    assert (header["alg"], header["typ"]) == ("ES256", "at+jwt")
    assert header["kid"] in {key["kid"] for key in published}


async def test_no_two_tokens_have_the_same_id(service: Service, ada: Person) -> None:
    first = await ada.sign_in()
    second = await refreshed(service, first.refresh_token)

    assert read_claims(first.access_token)["jti"] != read_claims(second.access_token)["jti"]


async def test_refreshing_keeps_the_instant_of_the_sign_in(
    service: Service, ada: Person, database: asyncpg.Connection
) -> None:
    signed_in = await ada.sign_in()
    was = read_claims(signed_in.access_token)["auth_time"]
    await age(database, signed_in.session_id, timedelta(minutes=20))

    claims = read_claims((await refreshed(service, signed_in.refresh_token)).access_token)

    assert claims["auth_time"] == pytest.approx(was - 1200, abs=1)
    assert claims["iat"] >= was


async def test_a_token_never_outlives_its_session(service: Service, ada: Person, database: asyncpg.Connection) -> None:
    signed_in = await ada.sign_in()
    await database.execute(
        "UPDATE sessions SET created_at = created_at - $2::interval, rotated_at = clock_timestamp() WHERE id = $1",
        signed_in.session_id,
        AGE - timedelta(seconds=100),
    )

    last = await refreshed(service, signed_in.refresh_token)

    claims = read_claims(last.access_token)
    assert 0 < last.expires_in <= 100
    assert claims["exp"] - claims["iat"] == last.expires_in
    assert last.refresh_expires_in <= 100


async def test_scopes_are_those_of_the_roles_and_the_audience_is_the_configured_one(
    start_service: Callable[..., Awaitable[Service]], admin: Person
) -> None:
    settings = {
        "SIGNET_AUDIENCE": "orders",
        "SIGNET_ROLE_SCOPES": '{"support": ["tickets:read", "tickets:write"], "auditor": ["tickets:read", "a:read"]}',
    }
    orders = await start_service(**settings)
    ada = await new_person(orders, "ada@example.com")
    root = await admin.sign_in(service=orders)
    given = await orders.put(
        f"/v1/users/{ada.id}/roles", token=root.access_token, json={"roles": ["support", "auditor", "guest"]}
    )
    assert given.status_code == 200, given.text

    claims = read_claims((await ada.sign_in()).access_token)

    assert claims["aud"] == "orders"
    assert claims["roles"] == ["auditor", "guest", "support"]
    assert claims["scope"] == "a:read tickets:read tickets:write"
    assert claims["epoch"] == 1
    assert "scope" not in read_claims(root.access_token)
    verified = await orders.get("/v1/verify", token=(await ada.sign_in()).access_token)
    assert verified.headers["x-signet-scopes"] == claims["scope"]


async def test_a_token_for_one_audience_is_refused_by_another(
    service: Service, start_service: Callable[..., Awaitable[Service]], ada: Person
) -> None:
    orders = await start_service(SIGNET_AUDIENCE="orders")
    for_signet, for_orders = await ada.sign_in(), await ada.sign_in(service=orders)

    assert await service.accepts(for_signet.access_token)
    assert await orders.accepts(for_orders.access_token)
    assert await orders.refuses(for_signet.access_token)
    assert await service.refuses(for_orders.access_token)
