"""POST /v1/users, where registration is closed: what an installation does that says nothing else."""

from collections.abc import AsyncIterator

import pytest

from tests.kit.accounts import make_person
from tests.kit.environment import Addresses
from tests.kit.people import PASSWORD, Person, SignedIn, problem
from tests.kit.services import Service, running_service

BODY = {"email": "new@example.com", "password": PASSWORD}


@pytest.fixture(scope="module")
async def closed(stores: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    log = tmp_path_factory.mktemp("closed") / "service.log"
    async with running_service(stores, log, {"SIGNET_REGISTRATION": "closed"}) as service:
        yield service


async def test_nobody_registers_by_themselves_where_registration_is_closed(service: Service, closed: Service) -> None:
    refused = await closed.post("/v1/users", json=BODY)
    allowed = await service.post("/v1/users", json=BODY)

    assert problem(refused) == (403, "registration_closed")
    assert allowed.status_code == 201


async def test_a_taken_address_is_refused_like_a_free_one(closed: Service, ada: Person) -> None:
    taken = await closed.post("/v1/users", json={"email": ada.email, "password": PASSWORD})
    free = await closed.post("/v1/users", json=BODY)

    assert problem(taken) == problem(free) == (403, "registration_closed")


async def test_a_user_who_is_no_admin_registers_nobody(closed: Service, boss: SignedIn) -> None:
    insider = await (await make_person(closed, boss.access_token, "support@example.com", roles=["support"])).sign_in()

    refused = await closed.post("/v1/users", json=BODY, token=insider.access_token)
    allowed = await closed.post("/v1/users", json=BODY, token=boss.access_token)

    assert problem(refused) == (403, "registration_closed")
    assert allowed.status_code == 201
