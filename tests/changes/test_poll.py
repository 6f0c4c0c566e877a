"""Every replica hears every change from Postgres: late commits, lost connections, words of newer builds."""

from time import monotonic
from uuid import uuid4

import asyncpg
import pytest

from tests.kit.environment import Addresses
from tests.kit.everywhere import accepted_everywhere, refused_everywhere
from tests.kit.metrics import read_metrics
from tests.kit.people import Person
from tests.kit.racing import transaction
from tests.kit.services import Service, StartService
from tests.kit.waiting import eventually

POLL_PAUSES = 3
AT_LEAST = 3


@pytest.mark.parametrize(
    "held_seconds",
    [
        pytest.param(0.0, id="for-a-moment"),
        pytest.param(60.0, id="for-a-minute", marks=pytest.mark.prove),
    ],
)
async def test_a_change_that_commits_late_is_heard_although_later_ones_have_passed(
    replicas: tuple[Service, Service], ada: Person, eve: Person, database: asyncpg.Connection, held_seconds: float
) -> None:
    slow = await ada.sign_in("slow")
    async with transaction(database):
        await _raise_epoch(database, ada)
        began, passed = monotonic(), 0
        while passed < AT_LEAST or monotonic() - began < held_seconds:
            passing = await eve.sign_in(f"device {passed}")
            await replicas[0].delete("/v1/sessions/current", token=passing.access_token)
            await _polled(replicas[1])
            await refused_everywhere(replicas, passing.access_token)
            passed += 1
        await accepted_everywhere(replicas, slow.access_token)

    await refused_everywhere(replicas, slow.access_token)


async def test_changes_that_commit_in_another_order_than_they_began_are_all_heard(
    replicas: tuple[Service, Service], stores: Addresses, ada: Person, eve: Person
) -> None:
    people = {"first": await ada.sign_in(), "second": await eve.sign_in()}
    first, second = [await asyncpg.connect(stores.database_url) for _ in range(2)]
    began = [first.transaction(), second.transaction()]
    for begun, connection, person in zip(began, (first, second), (ada, eve), strict=True):
        await begun.start()
        await _raise_epoch(connection, person)
    await accepted_everywhere(replicas, *(session.access_token for session in people.values()))

    await began[1].commit()
    await refused_everywhere(replicas, people["second"].access_token)
    await accepted_everywhere(replicas, people["first"].access_token)
    await began[0].commit()

    await refused_everywhere(replicas, people["first"].access_token)
    for connection in (first, second):
        await connection.close()


async def test_a_change_that_was_rolled_back_is_never_heard(
    replicas: tuple[Service, Service], ada: Person, eve: Person, database: asyncpg.Connection
) -> None:
    kept, ended = await ada.sign_in(), await eve.sign_in()
    given_up = database.transaction()
    await given_up.start()
    await _raise_epoch(database, ada)
    await given_up.rollback()
    await _raise_epoch(database, eve)

    await refused_everywhere(replicas, ended.access_token)
    await accepted_everywhere(replicas, kept.access_token)


async def test_each_change_is_heard_once_by_the_poll(
    replicas: tuple[Service, Service], ada: Person, database: asyncpg.Connection
) -> None:
    session = await ada.sign_in()
    await _polled(replicas[1])
    before = await _heard(replicas[1])
    for _ in range(20):
        await database.execute("INSERT INTO changes (kind, subject) VALUES ('session', $1)", uuid4())
    await _raise_epoch(database, ada)

    await refused_everywhere(replicas, session.access_token)
    for _ in range(POLL_PAUSES):
        await _polled(replicas[1])

    assert await _heard(replicas[1]) == before + 21


async def test_a_lost_connection_is_opened_anew_and_nothing_is_missed(
    replicas: tuple[Service, Service], ada: Person, eve: Person, database: asyncpg.Connection
) -> None:
    before, after = await ada.sign_in(), await eve.sign_in()
    lost = await database.fetchval(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE '%changes.poll%' AND pid <> $1",
        database.get_server_pid(),
    )
    await _raise_epoch(database, ada)
    await refused_everywhere(replicas, before.access_token)
    await _raise_epoch(database, eve)

    assert lost >= len(replicas)
    await refused_everywhere(replicas, after.access_token)


async def test_a_kind_of_change_that_a_newer_build_writes_is_passed_over(
    deaf: Service, ada: Person, eve: Person, database: asyncpg.Connection
) -> None:
    first, second = await ada.sign_in(), await eve.sign_in()
    async with transaction(database):
        await database.execute("INSERT INTO changes (kind, subject) VALUES ('a newer word', $1)", uuid4())
        await _raise_epoch(database, ada)

    await refused_everywhere((deaf,), first.access_token)
    await _raise_epoch(database, eve)
    await refused_everywhere((deaf,), second.access_token)


async def test_a_newer_builds_kind_of_change_does_not_keep_a_replica_from_starting(
    start_service: StartService, ada: Person, database: asyncpg.Connection
) -> None:
    session = await ada.sign_in()
    await database.execute("INSERT INTO changes (kind, subject) VALUES ('a newer word', $1)", uuid4())
    await _raise_epoch(database, ada)

    fresh = await start_service()

    assert await fresh.refuses(session.access_token)


async def test_a_replica_knows_what_was_revoked_before_it_began(
    service: Service, start_service: StartService, ada: Person, eve: Person, admin: Person
) -> None:
    phone, laptop, other, boss = (
        await ada.sign_in("phone"),
        await ada.sign_in("laptop"),
        await eve.sign_in(),
        await admin.sign_in(),
    )
    await service.delete("/v1/sessions/current", token=phone.access_token)
    await service.put(f"/v1/users/{eve.id}/roles", json={"roles": ["support"]}, token=boss.access_token)

    fresh = await start_service()

    assert await fresh.refuses(phone.access_token)
    assert await fresh.refuses(other.access_token)
    assert await fresh.accepts(laptop.access_token)
    assert await fresh.accepts(boss.access_token)


async def test_a_replica_that_remembers_little_asks_postgres_and_never_accepts_what_is_over(
    start_service: StartService, ada: Person, eve: Person, admin: Person
) -> None:
    forgetful = await start_service(SIGNET_REVOCATION_MEMORY="1")
    over, boss = [await ada.sign_in(f"device {number}") for number in range(4)], await admin.sign_in()
    running, outdated = await ada.sign_in("kept"), await eve.sign_in()
    await forgetful.put(f"/v1/users/{eve.id}/roles", json={"roles": ["support"]}, token=boss.access_token)
    for session in over:
        await forgetful.delete(f"/v1/sessions/{session.session_id}", token=running.access_token)

    for access_token in (outdated.access_token, *(session.access_token for session in over)):
        assert await forgetful.refuses(access_token)
    assert await forgetful.accepts(running.access_token)
    assert await forgetful.accepts(boss.access_token)


async def _raise_epoch(connection: asyncpg.Connection, person: Person) -> None:
    """Outdate somebody's access tokens the way a replica does that never comes to announcing it."""
    epoch = await connection.fetchval("UPDATE users SET epoch = epoch + 1 WHERE id = $1 RETURNING epoch", person.id)
    await connection.execute("INSERT INTO changes (kind, subject, value) VALUES ('epoch', $1, $2)", person.id, epoch)


async def _polled(service: Service) -> None:
    """Wait until a replica has read changes again."""
    name = "signet_changes_last_poll_timestamp_seconds"
    last = (await read_metrics(service)).value(name)

    async def has_polled() -> bool:
        return (await read_metrics(service)).value(name) > last

    await eventually(has_polled, within=5.0)


async def _heard(service: Service) -> float:
    return (await read_metrics(service)).value("signet_changes_seen_total", way="poll")
