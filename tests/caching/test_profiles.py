"""Profiles over HTTP: which tier answers, how often Postgres is asked, and nothing old after a write."""

import asyncio

import httpx
import redis.asyncio as redis
from uuid_utils.compat import uuid7

from local.server import Server
from service.storage import cache_keys
from tests.kit.everywhere import PROMISED_SECONDS
from tests.kit.killable import until_redis_is_used
from tests.kit.metrics import read_metrics
from tests.kit.people import Person, SignedIn, new_person, problem
from tests.kit.services import Service
from tests.kit.waiting import eventually

CROWD = 500
NOBODY = (404, "user_not_found")


async def read(service: Service, session: SignedIn) -> httpx.Response:
    answer = await service.get("/v1/users/me", token=session.access_token)
    assert answer.status_code == 200, answer.text
    return answer


async def rename(service: Service, session: SignedIn, name: str) -> None:
    answer = await service.patch(
        "/v1/users/me", token=session.access_token, headers={"If-Match": "*"}, json={"display_name": name}
    )
    assert answer.status_code == 200, answer.text


async def name_of(service: Service, session: SignedIn) -> str | None:
    name: str | None = (await read(service, session)).json()["display_name"]
    return name


async def loads(*services: Service) -> int:
    return sum([(await read_metrics(service)).statements()["users.find"] for service in services])


async def test_five_hundred_readers_of_a_cold_profile_load_it_once_in_each_process(
    replicas: tuple[Service, Service], ada: Person
) -> None:
    session = await ada.sign_in()
    before = await loads(*replicas)

    answers = await asyncio.gather(*(read(replicas[number % 2], session) for number in range(CROWD)))

    assert len({answer.content for answer in answers}) == 1
    assert 1 <= await loads(*replicas) - before <= len(replicas)


async def test_the_tier_that_answered_is_said(replicas: tuple[Service, Service], ada: Person) -> None:
    session = await ada.sign_in()
    before = await loads(*replicas)

    said = [
        (await read(replica, session)).headers["cache-status"] for replica in (*replicas[:1] * 2, *replicas[1:] * 2)
    ]

    assert said == [
        "signet; fwd=miss; stored",
        "signet; hit; detail=near",
        "signet; hit; detail=shared",
        "signet; hit; detail=near",
    ]
    assert await loads(*replicas) - before == 1


async def test_each_tier_is_counted(service: Service, ada: Person) -> None:
    session = await ada.sign_in()
    before = await read_metrics(service)

    for _ in range(3):
        await read(service, session)

    after = await read_metrics(service)
    reads = [("near", "hit"), ("near", "stale"), ("shared", "hit"), ("shared", "stale"), ("postgres", "loaded")]
    earlier, later = (
        [reading.value("signet_cache_reads_total", tier=tier, outcome=outcome) for tier, outcome in reads]
        for reading in (before, after)
    )
    assert [now - then for then, now in zip(earlier, later, strict=True)] == [2, 0, 0, 0, 1]
    assert after.value("signet_cache_near_entries") >= 1


async def test_a_write_is_seen_at_once_here_and_in_a_second_there(
    replicas: tuple[Service, Service], ada: Person
) -> None:
    writing, other = replicas
    session = await ada.sign_in()
    for number in range(5):
        await asyncio.gather(read(writing, session), read(other, session))
        name = f"name {number}"
        await rename(writing, session, name)

        assert await name_of(writing, session) == name
        await eventually(_is_named, other, session, name, within=PROMISED_SECONDS)


async def test_readers_never_go_back_behind_a_write(replicas: tuple[Service, Service], ada: Person) -> None:
    writing, other = replicas
    session = await ada.sign_in()
    done = asyncio.Event()
    await rename(writing, session, "0")
    written = 0

    async def watch(service: Service, *, is_writing: bool) -> None:
        seen = 0
        while not done.is_set():
            least = written if is_writing else seen
            seen = int(await name_of(service, session) or 0)
            assert seen >= least

    async def write() -> None:
        nonlocal written
        try:
            for number in range(1, 30):
                await rename(writing, session, str(number))
                written = number
        finally:
            done.set()

    await eventually(_is_named, other, session, "0", within=PROMISED_SECONDS)
    await asyncio.gather(
        write(),
        *(watch(writing, is_writing=True) for _ in range(3)),
        *(watch(other, is_writing=False) for _ in range(3)),
    )


async def test_an_old_profile_that_comes_back_with_redis_is_never_served(
    shared_only: tuple[Service, Service], own_redis: Server
) -> None:
    writing, other = shared_only
    ada = await new_person(writing, "ada@example.com")
    session = await ada.sign_in()
    await rename(writing, session, "old")
    await asyncio.gather(read(writing, session), read(other, session))
    await eventually(_is_named, other, session, "old", within=PROMISED_SECONDS)
    key = cache_keys.profile(ada.id)
    async with redis.Redis.from_url(own_redis.url) as client:
        old = await client.get(key)
    assert old is not None
    assert b'"old"' in old

    own_redis.kill()
    await rename(writing, session, "new")
    assert await name_of(writing, session) == "new"
    await asyncio.sleep(PROMISED_SECONDS)
    assert await name_of(other, session) == "new"
    own_redis.start()
    await until_redis_is_used(writing, other)

    for service in (*shared_only, *shared_only):
        async with redis.Redis.from_url(own_redis.url) as client:
            await client.set(key, old)
        assert await name_of(service, session) == "new"


async def test_an_unknown_id_is_remembered_as_unknown(service: Service, admin: Person) -> None:
    boss = await admin.sign_in()

    async def is_looked_up_once() -> bool:
        unknown, before = uuid7(), await loads(service)
        for _ in range(2):
            assert problem(await service.get(f"/v1/users/{unknown}", token=boss.access_token)) == NOBODY
        return await loads(service) - before == 1

    # A machine that takes longer than it is remembered, a second, between two requests tries again.
    await eventually(is_looked_up_once, within=10.0)


async def test_a_copy_that_is_current_is_not_sent_again_whichever_tier_has_it(
    replicas: tuple[Service, Service], ada: Person
) -> None:
    session = await ada.sign_in()
    etag = (await read(replicas[0], session)).headers["etag"]

    for service in (*replicas, *replicas):
        answer = await service.get("/v1/users/me", token=session.access_token, headers={"If-None-Match": etag})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    await rename(replicas[0], session, "Ada King")
    changed = await replicas[0].get("/v1/users/me", token=session.access_token, headers={"If-None-Match": etag})

    assert changed.status_code == 200
    assert changed.headers["etag"] != etag


async def _is_named(service: Service, session: SignedIn, name: str) -> bool:
    return await name_of(service, session) == name
