"""Rotating SIGNET_SECRET_KEYS takes two rollouts, append and move to the front; nobody is signed out by either."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.kit.ageing import GRACE, age
from tests.kit.claims import lineage
from tests.kit.environment import SECRET, Addresses
from tests.kit.metrics import read_metrics
from tests.kit.people import Person, problem
from tests.kit.refreshing import refresh, refreshed, session_row
from tests.kit.services import Service, running_service

NEW_SECRET = "N3w-Secret-That-Is-Rolled-Out-In-Two-Steps-84"
APPENDED = {"SIGNET_SECRET_KEYS": f"{SECRET},{NEW_SECRET}"}
MOVED = {"SIGNET_SECRET_KEYS": f"{NEW_SECRET},{SECRET}"}


@pytest.fixture(scope="module")
async def appended(stores: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """A replica after the first rollout."""
    log = tmp_path_factory.mktemp("logs") / "appended.log"
    async with running_service(stores, log, APPENDED) as replica:
        yield replica


@pytest.fixture(scope="module")
async def moved(stores: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """A replica after the second rollout."""
    log = tmp_path_factory.mktemp("logs") / "moved.log"
    async with running_service(stores, log, MOVED) as replica:
        yield replica


async def test_tokens_of_the_old_secret_work_and_are_followed_by_tokens_of_the_new_one(
    service: Service, moved: Service, ada: Person
) -> None:
    phone = await ada.sign_in("phone", service)

    again = await refreshed(moved, phone.refresh_token)

    assert _secret_id(again.refresh_token) != _secret_id(phone.refresh_token)
    assert lineage(again.refresh_token) == (lineage(phone.refresh_token)[0], 1)
    assert await service.accepts(again.access_token)


async def test_between_the_two_rollouts_every_process_reads_what_any_process_writes(
    appended: Service, moved: Service, ada: Person, database: asyncpg.Connection
) -> None:
    session = await ada.sign_in("phone", appended)

    for generation, process in enumerate([moved, appended, moved, moved, appended], start=1):
        session = await refreshed(process, session.refresh_token)
        assert lineage(session.refresh_token)[1] == generation
        await age(database, session.session_id, GRACE)


async def test_the_same_refresh_token_is_the_same_session_and_generation_whatever_secret_signs_it(
    appended: Service, moved: Service, ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in("phone", appended)

    by_old = await refreshed(appended, phone.refresh_token)
    by_new = await refreshed(moved, phone.refresh_token)

    assert by_old.refresh_token != by_new.refresh_token
    assert lineage(by_old.refresh_token) == lineage(by_new.refresh_token)
    for token in (by_old.refresh_token, by_new.refresh_token):
        assert lineage((await refreshed(moved, token)).refresh_token)[1] == 1
    assert (await session_row(database, phone.session_id))["ended_at"] is None


async def test_a_replay_is_a_replay_whatever_secret_signs_it(
    appended: Service, moved: Service, ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in("phone", appended)
    await refreshed(moved, phone.refresh_token)
    await age(database, phone.session_id, GRACE)

    assert problem(await refresh(moved, phone.refresh_token)) == (401, "refresh_token_refused")
    assert (await session_row(database, phone.session_id))["ended_by"] == "replay"


async def test_a_process_that_does_not_know_the_new_secret_yet_refuses_and_counts_and_harms_nothing(
    service: Service, moved: Service, ada: Person, database: asyncpg.Connection
) -> None:
    phone = await ada.sign_in("phone", moved)
    before = await read_metrics(service)

    refused = await refresh(service, phone.refresh_token)

    after = await read_metrics(service)
    unknown = "signet_refresh_secret_unknown_total"
    assert problem(refused) == (401, "refresh_token_refused")
    assert after.value(unknown) == before.value(unknown) + 1
    assert (await session_row(database, phone.session_id))["ended_at"] is None
    assert (await refresh(moved, phone.refresh_token)).status_code == 200


def _secret_id(refresh_token: str) -> str:
    return refresh_token.split(".")[1]
