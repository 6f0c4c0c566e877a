"""Redis away, emptied, outdated or full: slower perhaps, but nothing is lost and nobody is refused."""

import asyncpg
import pytest

from tests.kit.everywhere import accepted_everywhere, refused_everywhere
from tests.kit.metrics import read_metrics
from tests.kit.people import Person, new_person
from tests.kit.refreshing import refresh, refreshed, running_sessions
from tests.kit.services import Service, StartService
from tests.kit.waiting import eventually
from tests.outages.behind import BACK_WITHIN, HEARD_WITHIN, Behind, comes_from, rename, shows, tier
from tests.outages.ways import REDIS_WAYS, Away, killed, rewound

in_every_way = pytest.mark.parametrize("way", REDIS_WAYS)


@in_every_way
async def test_tokens_and_keys_and_profiles_are_answered(
    replicas_behind_faults: tuple[Service, Service], behind: Behind, way: Away, ada: Person
) -> None:
    first, second = replicas_behind_faults
    phone = await ada.sign_in()
    assert await tier(first, phone) == "postgres"

    async with way(behind.redis):
        await accepted_everywhere(replicas_behind_faults, phone.access_token)
        assert [(await replica.get("/.well-known/jwks.json")).status_code for replica in (first, second)] == [200, 200]
        assert await tier(first, phone) == "near"
        assert await tier(second, phone) in {"shared", "postgres"}


@in_every_way
async def test_people_sign_in_and_refresh_and_write(
    replicas_behind_faults: tuple[Service, Service],
    behind: Behind,
    way: Away,
    ada: Person,
    database: asyncpg.Connection,
) -> None:
    first, second = replicas_behind_faults
    phone = await ada.sign_in()

    async with way(behind.redis):
        laptop = await ada.sign_in("laptop", second)
        rotated = await refreshed(first, phone.refresh_token)
        renamed = await rename(first, rotated, "Countess")
        grace = await new_person(second, "grace@example.com")
        assert (renamed.status_code, renamed.json()["display_name"]) == (200, "Countess")

    assert await running_sessions(database, ada.id) == {phone.session_id, laptop.session_id}
    assert await database.fetchval("SELECT generation FROM sessions WHERE id = $1", phone.session_id) == 1
    assert await database.fetchval("SELECT display_name FROM users WHERE id = $1", ada.id) == "Countess"
    assert await database.fetchval("SELECT email FROM users WHERE id = $1", grace.id) == "grace@example.com"


@in_every_way
async def test_a_revocation_and_a_change_reach_the_other_replica_within_a_second(
    replicas_behind_faults: tuple[Service, Service], behind: Behind, way: Away, ada: Person
) -> None:
    first, second = replicas_behind_faults
    phone, laptop, tablet = [await ada.sign_in(device) for device in ("phone", "laptop", "tablet")]
    await accepted_everywhere(replicas_behind_faults, phone.access_token, laptop.access_token)
    assert await tier(second, tablet) == "postgres"

    async with way(behind.redis):
        assert (await first.delete("/v1/sessions/current", token=phone.access_token)).status_code == 204
        assert (await second.delete("/v1/sessions/current", token=laptop.access_token)).status_code == 204
        await refused_everywhere(replicas_behind_faults, phone.access_token, laptop.access_token)
        renamed = await rename(first, tablet, "Countess")
        await eventually(shows, second, tablet, renamed, within=HEARD_WITHIN)

    # Whatever Redis remembers when it is back, and whatever it has forgotten.
    await refused_everywhere(replicas_behind_faults, phone.access_token, laptop.access_token)
    assert await shows(second, tablet, renamed)
    assert (await refresh(second, phone.refresh_token)).status_code == 401
    await accepted_everywhere(replicas_behind_faults, tablet.access_token)


@in_every_way
async def test_redis_is_used_again_within_two_seconds(
    replicas_behind_faults: tuple[Service, Service], behind: Behind, way: Away, ada: Person
) -> None:
    phone = await ada.sign_in()
    async with way(behind.redis):
        for replica in replicas_behind_faults:
            await refresh(replica, phone.refresh_token)

    for replica in replicas_behind_faults:
        await eventually(_asks_redis, replica, within=BACK_WITHIN)
    await behind.redis.ask("FLUSHALL")
    second = replicas_behind_faults[1]
    await eventually(comes_from, second, phone, "postgres", within=BACK_WITHIN)
    await eventually(comes_from, second, phone, "shared", within=BACK_WITHIN)


async def test_an_old_profile_that_comes_back_with_redis_is_never_shown(
    replicas_behind_faults: tuple[Service, Service], behind: Behind, ada: Person
) -> None:
    first, second = replicas_behind_faults
    phone = await ada.sign_in()
    await eventually(comes_from, second, phone, "shared", within=BACK_WITHIN)

    async with rewound(behind.redis):
        renamed = await rename(first, phone, "Countess")
        assert renamed.status_code == 200

    for replica in replicas_behind_faults:
        shown = await replica.get("/v1/users/me", token=phone.access_token)
        assert shown.json() == renamed.json()


async def test_without_redis_each_process_has_its_share_of_a_limit(
    behind: Behind, replicas_behind_faults: tuple[Service, Service], start_service: StartService, ada: Person
) -> None:
    apart = await start_service(**{**behind.environment, "SIGNET_LIMIT_REFRESH": "8/min", "SIGNET_LIMIT_SHARES": "4"})
    phone = await ada.sign_in()

    async with killed(behind.redis):
        statuses = [(await refresh(apart, phone.refresh_token)).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]
    assert (await refresh(replicas_behind_faults[0], phone.refresh_token)).status_code == 200


async def _asks_redis(service: Service) -> bool:
    before = (await read_metrics(service)).value("signet_redis_commands_total", outcome="answered")
    await service.get("/.well-known/jwks.json")
    return (await read_metrics(service)).value("signet_redis_commands_total", outcome="answered") > before
