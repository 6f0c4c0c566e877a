"""A replica whose machine's clock is wrong: it follows Postgres', signs nobody out, and issues what others accept."""

from time import time

import jwt
import pytest
from jwt.types import Options

from tests.kit.clocks import replica_with_wrong_clock
from tests.kit.environment import Addresses
from tests.kit.people import PASSWORD, Person, SignedIn
from tests.kit.services import Service

STRICT: Options = {"require": ["exp", "iat"], "verify_iat": True, "verify_exp": True}


@pytest.mark.parametrize("seconds", [30.0, -30.0])
async def test_a_replica_with_a_wrong_clock_issues_tokens_that_strict_verifiers_accept(
    stores: Addresses, service: Service, ada: Person, seconds: float
) -> None:
    async with replica_with_wrong_clock(stores, seconds) as (replica, _):
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

    async with replica_with_wrong_clock(stores, seconds) as (replica, _):
        is_accepted = await replica.accepts(session.access_token)
        refreshed = await replica.post("/v1/sessions/refresh", json={"refresh_token": session.refresh_token})

    assert is_accepted
    assert SignedIn.of(refreshed).expires_in == session.expires_in
