"""Statement budgets: what an operation may ask of the stores, beside BEGIN and COMMIT."""

from collections.abc import Awaitable, Callable

import pytest

from tests.kit.metrics import read_metrics
from tests.kit.people import Person, SignedIn
from tests.kit.services import Service


async def cost(service: Service, work: Callable[[], Awaitable[object]]) -> tuple[list[str], int]:
    """Do some work; give the statements it took, by name, and how many Redis commands."""
    before = await read_metrics(service)
    await work()
    after = await read_metrics(service)
    return sorted(
        (after.statements() - before.statements()).elements()
    ), after.redis_commands() - before.redis_commands()


@pytest.mark.parametrize("path", ["/v1/users/me", "/v1/verify"])
async def test_a_warm_read_asks_neither_store(service: Service, ada: Person, path: str) -> None:
    session = await ada.sign_in()
    await service.get("/v1/users/me", token=session.access_token)

    assert await cost(service, lambda: service.get(path, token=session.access_token)) == ([], 0)


async def test_a_cold_profile_is_one_statement(service: Service, ada: Person) -> None:
    session = await ada.sign_in()

    statements, _ = await cost(service, lambda: service.get("/v1/users/me", token=session.access_token))

    assert statements == ["users.find"]


async def test_signing_in_is_two_statements(service: Service, ada: Person) -> None:
    statements, redis_commands = await cost(service, ada.sign_in)

    assert statements == ["sessions.start", "users.credentials_by_email"]
    assert redis_commands == 0


async def test_rotating_is_one_statement_and_a_repeat_two(service: Service, ada: Person) -> None:
    session = await ada.sign_in()

    async def refresh() -> SignedIn:
        return SignedIn.of(await service.post("/v1/sessions/refresh", json={"refresh_token": session.refresh_token}))

    assert await cost(service, refresh) == (["sessions.spend_refresh_token"], 0)
    assert await cost(service, refresh) == (["sessions.explain_refresh", "sessions.spend_refresh_token"], 0)


async def test_garbage_for_a_refresh_token_costs_nothing(service: Service) -> None:
    body = {"refresh_token": "v1.00000000.0198f3c2a7bb7d10a2b4c6d8e0f1a2b3.0." + "A" * 43}

    assert await cost(service, lambda: service.post("/v1/sessions/refresh", json=body)) == ([], 0)
