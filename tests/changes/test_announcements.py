"""Redis makes revocation fast and is never needed for it: away, emptied, or full of nonsense."""

import pytest
import redis.asyncio as redis

from tests.kit.environment import Addresses
from tests.kit.everywhere import accepted_everywhere, refused_everywhere
from tests.kit.metrics import read_metrics
from tests.kit.people import Person
from tests.kit.refreshing import refresh
from tests.kit.services import Service
from tests.kit.waiting import eventually

CHANNEL = "signet:changes"
NONSENSE = [
    b"",
    b"\xff\xfe",
    b"nonsense",
    b"{}",
    b"1",
    b"null",
    b"[1]",
    b"[[]]",
    b'[["session"]]',
    b'[["session",1,0]]',
    b'[["session",["a"],0]]',
    b'[["session","not an id",0]]',
    b'[["epoch","0198f3c2-a7bb-7d10-a2b4-c6d8e0f1a2b3","many"]]',
    b'[["epoch","0198f3c2-a7bb-7d10-a2b4-c6d8e0f1a2b3",null]]',
    b'[["epoch","0198f3c2-a7bb-7d10-a2b4-c6d8e0f1a2b3",1e400]]',
    b'[["epoch","0198f3c2-a7bb-7d10-a2b4-c6d8e0f1a2b3",1e300]]',
    b'[["epoch",null,1]]',
    b'[["a newer word","0198f3c2-a7bb-7d10-a2b4-c6d8e0f1a2b3",1]]',
    b'[[["session"],"0198f3c2-a7bb-7d10-a2b4-c6d8e0f1a2b3",1]]',
    b"[" * 100_000,
]


async def test_with_redis_the_other_replica_hears_from_it(replicas: tuple[Service, Service], ada: Person) -> None:
    phone = await ada.sign_in()
    before = (await read_metrics(replicas[1])).value("signet_changes_seen_total", way="redis")

    await replicas[0].delete("/v1/sessions/current", token=phone.access_token)

    await refused_everywhere(replicas, phone.access_token)
    await eventually(_has_heard, replicas[1], before, within=5.0)


async def test_without_redis_a_replica_still_hears_within_a_second(
    replicas: tuple[Service, Service], deaf: Service, ada: Person
) -> None:
    phone, laptop = await ada.sign_in("phone"), await ada.sign_in("laptop")

    await replicas[0].delete("/v1/sessions/current", token=phone.access_token)

    await refused_everywhere((deaf,), phone.access_token)
    await accepted_everywhere((deaf, *replicas), laptop.access_token)


async def test_without_redis_a_replica_is_still_heard_within_a_second(
    replicas: tuple[Service, Service], deaf: Service, ada: Person
) -> None:
    phone, laptop = await ada.sign_in("phone"), await ada.sign_in("laptop")
    lost = (await read_metrics(deaf)).value("signet_announcements_lost_total")

    answer = await deaf.delete("/v1/sessions/current", token=phone.access_token)

    assert answer.status_code == 204
    assert await deaf.refuses(phone.access_token)
    await refused_everywhere(replicas, phone.access_token)
    await accepted_everywhere((deaf, *replicas), laptop.access_token)
    assert (await read_metrics(deaf)).value("signet_announcements_lost_total") == lost + 1


async def test_without_redis_one_signs_in_refreshes_and_changes_a_password(deaf: Service, ada: Person) -> None:
    phone = await ada.sign_in("phone", deaf)
    refreshed = await refresh(deaf, phone.refresh_token)
    body = {"current_password": ada.password, "new_password": "a better password than before"}

    changed = await deaf.put("/v1/account/password", json=body, token=phone.access_token)

    assert (refreshed.status_code, changed.status_code) == (200, 200)
    assert await deaf.refuses(phone.access_token)
    assert await deaf.accepts(changed.json()["access_token"])


async def test_an_emptied_redis_forgets_no_revocation(
    replicas: tuple[Service, Service], stores: Addresses, ada: Person
) -> None:
    before, after = await ada.sign_in("before"), await ada.sign_in("after")
    await replicas[0].delete("/v1/sessions/current", token=before.access_token)
    await refused_everywhere(replicas, before.access_token)

    await stores.flush_redis()
    await replicas[0].delete("/v1/sessions/current", token=after.access_token)

    await refused_everywhere(replicas, before.access_token, after.access_token)


async def test_a_cut_subscription_loses_no_revocation_and_is_taken_up_again(
    replicas: tuple[Service, Service], stores: Addresses, ada: Person
) -> None:
    first, second = await ada.sign_in("first"), await ada.sign_in("second")
    client = redis.Redis.from_url(stores.redis_url)
    await client.client_kill_filter(_type="pubsub")
    await replicas[0].delete("/v1/sessions/current", token=first.access_token)
    await refused_everywhere(replicas, first.access_token)

    async def is_subscribed() -> bool:
        (_, listeners), *_ = await client.pubsub_numsub(CHANNEL)
        return int(listeners) >= len(replicas)

    await eventually(is_subscribed, within=10.0)
    await client.aclose()
    before = (await read_metrics(replicas[1])).value("signet_changes_seen_total", way="redis")
    await replicas[0].delete("/v1/sessions/current", token=second.access_token)
    await refused_everywhere(replicas, second.access_token)
    await eventually(_has_heard, replicas[1], before, within=5.0)


@pytest.mark.parametrize("nonsense", NONSENSE, ids=[repr(nonsense[:60]) for nonsense in NONSENSE])
async def test_nonsense_on_the_channel_is_passed_over(
    replicas: tuple[Service, Service], stores: Addresses, ada: Person, nonsense: bytes
) -> None:
    phone, laptop = await ada.sign_in("phone"), await ada.sign_in("laptop")
    before = (await read_metrics(replicas[1])).value("signet_changes_seen_total", way="redis")
    client = redis.Redis.from_url(stores.redis_url)
    await client.publish(CHANNEL, nonsense)
    await client.aclose()

    await replicas[0].delete("/v1/sessions/current", token=phone.access_token)

    # Heard from Redis, not from the poll alone: the listener has survived.
    await eventually(_has_heard, replicas[1], before, within=5.0)
    await refused_everywhere(replicas, phone.access_token)
    await accepted_everywhere(replicas, laptop.access_token)


async def _has_heard(service: Service, before: float) -> bool:
    return (await read_metrics(service)).value("signet_changes_seen_total", way="redis") > before
