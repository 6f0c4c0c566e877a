"""Both stores away, and what probes say of a store that is away."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.kit.everywhere import accepted_everywhere, refused_everywhere
from tests.kit.people import Person
from tests.kit.services import Service
from tests.kit.unready import waiting_service
from tests.kit.waiting import eventually
from tests.outages.behind import (
    BACK_WITHIN,
    HEARD_WITHIN,
    Behind,
    all_away_in_time,
    comes_from,
    rename,
    shows,
    tier,
    works,
    writes,
    writes_that_hash,
)
from tests.outages.ways import Away, frozen, killed, silent

in_some_ways = pytest.mark.parametrize(
    "way", [pytest.param(way, id=way.__name__.replace("_", "-")) for way in (killed, frozen, silent)]
)


@in_some_ways
async def test_memory_answers_and_all_else_is_refused_in_time(
    replicas_behind_faults: tuple[Service, Service], behind: Behind, way: Away, ada: Person
) -> None:
    first, second = replicas_behind_faults
    phone, over = await ada.sign_in("phone"), await ada.sign_in("over")
    assert (await first.delete("/v1/sessions/current", token=over.access_token)).status_code == 204
    await refused_everywhere(replicas_behind_faults, over.access_token)
    assert await tier(first, phone) == "postgres"

    async with _both_away(behind, way):
        assert await tier(first, phone) == "near"
        await accepted_everywhere(replicas_behind_faults, phone.access_token)
        await refused_everywhere(replicas_behind_faults, over.access_token)
        assert (await second.get("/.well-known/jwks.json")).status_code == 200
        await all_away_in_time(partial(second.get, "/v1/users/me", token=phone.access_token))
        for replica in replicas_behind_faults:
            await all_away_in_time(*writes(replica, ada, phone))
            await all_away_in_time(*writes_that_hash(replica, ada, phone))
        await eventually(comes_from, first, phone, "stale", within=BACK_WITHIN)

    for replica in replicas_behind_faults:
        await eventually(works, replica, phone, within=BACK_WITHIN)
    renamed = await rename(first, phone, "Countess")
    assert renamed.status_code == 200
    await eventually(shows, second, phone, renamed, within=HEARD_WITHIN)


@in_some_ways
async def test_no_store_takes_a_replica_out_of_the_load_balancer(
    replicas_behind_faults: tuple[Service, Service], behind: Behind, way: Away
) -> None:
    async with _both_away(behind, way):
        for replica in replicas_behind_faults:
            assert [await _probe(replica, name) for name in ("readyz", "livez")] == [200, 200]
            started = (await replica.get(f"{replica.management_url}/startupz")).json()
            assert _missing(started) == {"postgres", "redis"}


@in_some_ways
async def test_a_replica_started_without_postgres_says_so_and_is_ready_soon_after_it_comes(
    behind: Behind, way: Away, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        async with way(behind.postgres):
            late = await stack.enter_async_context(
                waiting_service(behind.stores, tmp_path / "late.log", behind.settings)
            )
            answer = await late.get(f"{late.management_url}/startupz")
            assert (answer.status_code, _missing(answer.json())) == (503, {"postgres", "keys", "changes", "started"})
            assert (await _probe(late, "livez"), await _probe(late, "readyz")) == (200, 503)
            await all_away_in_time(partial(late.get, "/.well-known/jwks.json"))

        await eventually(_is_started, late, within=BACK_WITHIN)
        assert await _probe(late, "readyz") == 200


@asynccontextmanager
async def _both_away(behind: Behind, way: Away) -> AsyncIterator[None]:
    async with way(behind.redis), way(behind.postgres):
        yield


async def _probe(service: Service, name: str) -> int:
    return (await service.get(f"{service.management_url}/{name}")).status_code


def _missing(body: dict[str, Any]) -> set[str]:
    return {name for name, check in body["checks"].items() if not check["ok"]}


async def _is_started(service: Service) -> bool:
    return await _probe(service, "startupz") == 200
