"""Behind PgBouncer in transaction mode: no statement finds itself on a connection that does not know it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.kit.environment import Addresses
from tests.kit.everywhere import PROMISED_SECONDS, accepted_everywhere, refused_everywhere
from tests.kit.people import SignedIn, new_person
from tests.kit.pooler import Pooler, program, running_pooler
from tests.kit.refreshing import refresh
from tests.kit.services import Service, free_ports, running_pair
from tests.kit.waiting import eventually

pytestmark = pytest.mark.skipif(program() is None, reason="PgBouncer is not installed (Debian: apt install pgbouncer)")
PEOPLE, ROUNDS = 12, 4
BACK_WITHIN = 2.0


@pytest.fixture(scope="module")
def pooler(stores: Addresses) -> Iterator[Pooler]:
    """A PgBouncer in front of the tests' database."""
    # Not below pytest's own folder, which only its owner may enter.
    with TemporaryDirectory() as folder, running_pooler(stores.database_url, Path(folder)) as running:
        yield running


@pytest.fixture(scope="module")
async def pooled(
    stores: Addresses, pooler: Pooler, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Service, Service]]:
    """Two replicas behind it that hear of each other by the poll alone, as there is no Redis."""
    logs = tmp_path_factory.mktemp("pooled")
    settings = {
        "SIGNET_DATABASE_URL": pooler.url,
        "SIGNET_DATABASE_DIRECT_URL": stores.database_url,
        "SIGNET_DATABASE_POOLER": "transaction",
        "SIGNET_REDIS_URL": f"redis://127.0.0.1:{free_ports(1)[0]}/0",
    }
    async with running_pair(stores, logs, settings) as pair:
        yield pair


async def test_many_at_once_share_few_connections_and_each_gets_its_own_answer(pooled: tuple[Service, Service]) -> None:
    await asyncio.gather(*(_live(pooled, f"person-{number}@example.com") for number in range(PEOPLE)))


async def test_a_sign_out_is_heard_by_the_other_replica_within_a_second(pooled: tuple[Service, Service]) -> None:
    first, second = pooled
    ada = await new_person(first, "ada@example.com")
    phone, laptop = await ada.sign_in("phone"), await ada.sign_in("laptop", second)
    await accepted_everywhere(pooled, phone.access_token, laptop.access_token)

    assert (await first.delete("/v1/sessions/current", token=phone.access_token)).status_code == 204

    await refused_everywhere(pooled, phone.access_token)
    await accepted_everywhere(pooled, laptop.access_token)


async def test_a_pooler_that_was_killed_is_used_again_soon_after_it_is_back(
    pooled: tuple[Service, Service], pooler: Pooler
) -> None:
    first, second = pooled
    ada = await new_person(first, "ada@example.com")
    phone = await ada.sign_in()

    async def rotates(service: Service) -> bool:
        answer = await refresh(service, phone.refresh_token)
        assert answer.status_code in {200, 503}, answer.text
        return answer.status_code == 200

    pooler.kill()
    assert not await rotates(first)
    await asyncio.to_thread(pooler.start)

    for service in (first, second):
        await eventually(rotates, service, within=BACK_WITHIN)


async def _live(replicas: tuple[Service, Service], email: str) -> None:
    """Register, sign in and do a little of everything, on both replicas in turn."""
    person = await new_person(replicas[0], email)
    session = await person.sign_in("phone", replicas[1])
    for number in range(ROUNDS):
        service, other = replicas[number % 2], replicas[1 - number % 2]
        name = f"{email} {number}"
        renamed = await service.patch(
            "/v1/users/me", token=session.access_token, headers={"If-Match": "*"}, json={"display_name": name}
        )
        assert (renamed.status_code, renamed.json()["email"], renamed.json()["display_name"]) == (200, email, name)
        await eventually(_is_called, other, session, name, within=PROMISED_SECONDS)
        session = SignedIn.of(await refresh(other, session.refresh_token))
        listed = await service.get("/v1/sessions", token=session.access_token)
        assert {item["id"] for item in listed.json()["items"]} == {session.session_id}


async def _is_called(service: Service, session: SignedIn, name: str) -> bool:
    answer = await service.get("/v1/users/me", token=session.access_token)
    assert answer.status_code == 200, answer.text
    return bool(answer.json()["display_name"] == name)
