"""What each metric tells, by the event it is for. What scrapers read is asked over HTTP, as they do."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.kit.environment import Addresses
from tests.kit.metrics import Reading, read_metrics, total
from tests.kit.people import PASSWORD, Person, new_person, problem
from tests.kit.services import Service, StartService, free_ports, running_service
from tests.kit.waiting import eventually

WRONG = "not the password at all"
_HEARD_SECONDS = 2.0


async def told(service: Service, name: str, **labels: str) -> float:
    return (await read_metrics(service)).value(name, **labels)


async def try_to_sign_in(service: Service, email: str, **more: str) -> int:
    body = {"email": email, "password": PASSWORD, **more}
    return (await service.post("/v1/sessions", json=body)).status_code


def gained(before: Reading, after: Reading, name: str) -> dict[frozenset[tuple[str, str]], float]:
    """Say which series of a counter rose, and by how much."""
    risen = {
        labels: value - before.value(name, **dict(labels)) for (n, labels), value in after.samples.items() if n == name
    }
    return {labels: rise for labels, rise in risen.items() if rise}


@pytest.fixture
async def strict(start_service: StartService) -> Service:
    """A replica with limits that are soon reached."""
    return await start_service(
        SIGNET_LIMITS="on", SIGNET_LIMIT_SIGN_IN_ACCOUNT="7/h", SIGNET_LIMIT_SIGN_IN_ADDRESS="1000/s"
    )


async def test_a_sign_in_is_counted_once_with_its_reason(strict: Service, database: asyncpg.Connection) -> None:
    ada = await new_person(strict, "ada@example.com")
    eve = await new_person(strict, "eve@example.com")
    pair, eves = await ada.sign_in(), await eve.sign_in()
    before = await read_metrics(strict)

    assert await try_to_sign_in(strict, ada.email) == 201
    assert [await try_to_sign_in(strict, ada.email, password=WRONG) for _ in range(5)] == [401] * 5
    assert await try_to_sign_in(strict, ada.email) == 429
    assert await try_to_sign_in(strict, ada.email, known_device=pair.refresh_token) == 201
    assert [await try_to_sign_in(strict, "nobody@example.com") for _ in range(4)] == [401] * 4
    assert await try_to_sign_in(strict, "nobody@example.com") == 401
    assert [await try_to_sign_in(strict, eve.email, password=WRONG) for _ in range(5)] == [401] * 5
    await database.execute("UPDATE users SET status = 'suspended'")
    assert await try_to_sign_in(strict, ada.email, known_device=pair.refresh_token) == 403
    # A lockout would let this one pass, too; that the account is suspended does not.
    assert await try_to_sign_in(strict, eve.email, known_device=eves.refresh_token) == 403

    after = await read_metrics(strict)
    reasons = {dict(labels)["reason"]: rise for labels, rise in gained(before, after, "signet_sign_ins_total").items()}
    assert reasons == {"none": 2, "credentials_wrong": 15, "locked_out": 1, "suspended": 2}
    assert after.value("signet_lockout_passes_total") - before.value("signet_lockout_passes_total") == 1
    assert after.value("signet_limits_refused_total", policy="lockout") == 1
    assert gained(before, after, "signet_limits_charged_total").keys() == {frozenset({("by", "redis")})}


async def test_a_sign_in_that_failed_by_our_fault_says_so(
    start_service: StartService, database: asyncpg.Connection
) -> None:
    hurried = await start_service(
        SIGNET_DATABASE_TIMEOUT="300ms", SIGNET_DATABASE_POOL="1", SIGNET_DATABASE_WAIT="50ms"
    )
    ada = await new_person(hurried, "ada@example.com")
    async with database.transaction():
        await database.execute("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")
        late = await asyncio.gather(
            *(hurried.post("/v1/sessions", json={"email": ada.email, "password": PASSWORD}) for _ in range(4))
        )

    assert {problem(answer)[0] for answer in late} == {503}
    reading = await read_metrics(hurried)
    failed = {
        reason: reading.value("signet_sign_ins_total", outcome="failed", reason=reason) for reason in ("store", "pool")
    }
    assert sum(failed.values()) == 4
    assert min(failed.values()) > 0
    assert reading.value("signet_database_errors_total", kind="timeout") == failed["store"]
    assert reading.value("signet_database_pool_timeouts_total") == failed["pool"]


async def test_sessions_that_end_with_their_user_are_counted(service: Service, ada: Person, admin: Person) -> None:
    path = f"/v1/users/{ada.id}"
    boss, before = await admin.sign_in(), await read_metrics(service)
    await ada.sign_in("phone")
    await ada.sign_in("laptop")

    for _ in range(2):
        assert (await service.post(f"{path}/suspend", token=boss.access_token)).status_code == 200
    assert (await service.post(f"{path}/reinstate", token=boss.access_token)).status_code == 200
    await ada.sign_in("phone")
    for status in (204, 409):
        assert (await service.delete(path, token=boss.access_token)).status_code == status

    assert gained(before, await read_metrics(service), "signet_sessions_ended_total") == {
        frozenset({("cause", "suspended")}): 2.0,
        frozenset({("cause", "closed")}): 1.0,
    }


async def test_a_request_that_its_deadline_cut_off_is_counted_as_it_was_answered(
    start_service: StartService, database: asyncpg.Connection, ada: Person
) -> None:
    hurried = await start_service(SIGNET_REQUEST_TIMEOUT="200ms")
    pair = await ada.sign_in()
    async with database.transaction():
        await database.execute("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE")
        late = await hurried.get("/v1/sessions", token=pair.access_token)

    assert problem(late) == (503, "deadline_exceeded")
    counted = {"method": "GET", "handler": "/v1/sessions"}
    assert await told(hurried, "http_requests_total", status="503", **counted) == 1


async def sign_out(making: Service, somebody: Person, hearing: Service) -> None:
    """Make a change on one replica, and wait until the other one's poll has read it and all before it."""
    polled = await told(hearing, "signet_changes_seen_total", way="poll")
    pair = await somebody.sign_in()
    await making.delete("/v1/sessions/current", token=pair.access_token)

    async def was_polled_too() -> bool:
        return await told(hearing, "signet_changes_seen_total", way="poll") > polled

    await eventually(was_polled_too, within=_HEARD_SECONDS)


async def test_a_change_is_measured_once_by_the_way_it_came_first(
    replicas: tuple[Service, Service], ada: Person
) -> None:
    making, hearing = replicas
    count = "signet_changes_lag_seconds_count"
    await sign_out(making, ada, hearing)
    before = {way: await told(hearing, count, way=way) for way in ("redis", "poll")}
    own = [await told(making, count, way=way) for way in ("redis", "poll")]

    await sign_out(making, ada, hearing)

    assert await told(hearing, count, way="redis") == before["redis"] + 1
    assert await told(hearing, count, way="poll") == before["poll"]
    assert [await told(making, count, way=way) for way in ("redis", "poll")] == own


@pytest.fixture
async def deaf(stores: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Service]:
    """A replica whose Redis is not there."""
    settings = {"SIGNET_REDIS_URL": f"redis://127.0.0.1:{free_ports(1)[0]}/0", "SIGNET_LIMITS": "on"}
    async with running_service(stores, tmp_path_factory.mktemp("logs") / "deaf.log", settings) as replica:
        yield replica


async def test_without_redis_the_poll_the_breaker_and_the_shares_tell_it(
    service: Service, deaf: Service, ada: Person
) -> None:
    count = "signet_changes_lag_seconds_count"
    pair = await ada.sign_in()
    for _ in range(6):
        assert await try_to_sign_in(deaf, ada.email) == 201
    await service.delete("/v1/sessions/current", token=pair.access_token)

    async def has_heard() -> bool:
        return await told(deaf, count, way="poll") >= 1

    await eventually(has_heard, within=_HEARD_SECONDS)
    reading = await read_metrics(deaf)
    assert reading.value("signet_redis_breaker_opened_total") >= 1
    assert reading.value("signet_limits_charged_total", by="share") == 12
    assert reading.value("signet_limits_charged_total", by="redis") == 0


async def test_the_state_of_a_process_is_shown(replicas: tuple[Service, Service], ada: Person) -> None:
    await ada.sign_in()
    reading = await read_metrics(replicas[0])

    assert reading.value("signet_ready") == 1
    assert reading.value("signet_draining") == 0
    assert reading.value("signet_signing_keys", state="current") == 1
    assert 0 < reading.value("signet_signing_key_age_seconds") < 3600
    assert reading.value("signet_database_pool_size") == 10
    assert reading.value("signet_database_pool_wait_seconds_count") > 0
    assert reading.value("signet_redis_breaker_open") == 0
    assert reading.value("signet_event_loop_lag_seconds_count") > 0
    assert reading.value("signet_hash_threads") >= 1
    assert [name for name, _ in reading.samples if name == "signet_build_info"]
    assert await total(replicas, "signet_cache_bypassed_total") == 0
