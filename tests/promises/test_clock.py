"""A replica whose machine's clock is wrong: it follows Postgres', signs nobody out, and issues what others accept."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import time
from typing import cast

import httpx
import jwt
import pytest
from fastapi import FastAPI
from jwt.types import Options

from service.app import create_app
from service.clock import Clock
from tests.kit.environment import Addresses
from tests.kit.parts import settings_of
from tests.kit.people import PASSWORD, Person, SignedIn
from tests.kit.services import Service
from tests.kit.waiting import eventually

STRICT: Options = {"require": ["exp", "iat"], "verify_iat": True, "verify_exp": True}


@asynccontextmanager
async def replica_with_wrong_clock(stores: Addresses, seconds: float) -> AsyncIterator[httpx.AsyncClient]:
    """Run the application that ships in this process, on a clock that is off by some seconds."""
    settings = settings_of(stores, registration="open", limits="off", audience="signet")
    envelope = create_app(settings, Clock(lambda: time() + seconds))

    async def is_started() -> bool:
        return envelope.lifecycle.is_started

    api = cast("FastAPI", envelope.api)
    transport = httpx.ASGITransport(envelope)
    async with (
        api.router.lifespan_context(api),
        httpx.AsyncClient(transport=transport, base_url="http://replica.example.test:8000") as client,
    ):
        await eventually(is_started, within=10)
        yield client


@pytest.mark.parametrize("seconds", [30.0, -30.0])
async def test_a_replica_with_a_wrong_clock_issues_tokens_that_strict_verifiers_accept(
    stores: Addresses, service: Service, ada: Person, seconds: float
) -> None:
    async with replica_with_wrong_clock(stores, seconds) as replica:
        answer = await replica.post("/v1/sessions", json={"email": ada.email, "password": PASSWORD})
        session = SignedIn.of(answer)

    keys = jwt.PyJWKSet.from_dict((await service.get("/.well-known/jwks.json")).json())
    key = keys[jwt.get_unverified_header(session.access_token)["kid"]]
    claims = jwt.decode(session.access_token, key, ["ES256"], STRICT, audience="signet", leeway=1)
    assert abs(claims["iat"] - time()) < 2
    assert await service.accepts(session.access_token)


@pytest.mark.parametrize("seconds", [30.0, -30.0])
async def test_a_replica_with_a_wrong_clock_accepts_and_refreshes_what_others_issued(
    stores: Addresses, ada: Person, seconds: float
) -> None:
    session = await ada.sign_in()

    async with replica_with_wrong_clock(stores, seconds) as replica:
        bearer = {"Authorization": f"Bearer {session.access_token}"}
        verified = await replica.get("/v1/verify", headers=bearer)
        refreshed = await replica.post("/v1/sessions/refresh", json={"refresh_token": session.refresh_token})

    assert verified.status_code == 200
    assert SignedIn.of(refreshed).expires_in == session.expires_in
