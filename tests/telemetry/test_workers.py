"""Several workers are scraped as one: the same families and sums as one worker has, whoever of them is asked."""

import asyncio
import os
import signal
import tempfile
from pathlib import Path

import httpx
import pytest

from service.telemetry.sharing import Shared
from tests.kit.environment import Addresses
from tests.kit.metrics import Reading, read_metrics
from tests.kit.people import new_person
from tests.kit.programs import warm
from tests.kit.services import NO_TLS, Service, StartService
from tests.kit.waiting import eventually

WORKERS = 2
# What one traffic makes the same of, however many processes share it.
COUNTED = (
    *("http_requests_total", "http_request_duration_seconds_count", "http_request_duration_seconds_bucket"),
    *("signet_sign_ins_total", "signet_refreshes_total", "signet_sessions_ended_total"),
    *("signet_hash_duration_seconds_count", "signet_limits_refused_total", "signet_limits_enabled"),
)
# How long a bucket or a kernel takes is not the same twice.
_BY_CHANCE = "http_request_duration_seconds_bucket"
_SOON_SECONDS = 5.0


async def traffic(service: Service, name: str) -> None:
    """Do a bit of everything, each request on a connection of its own, so that every worker has its part."""
    person = await new_person(service, f"{name}@example.com")
    for _ in range(3):
        pair = await person.sign_in()
        for path in ("/v1/users/me", "/v1/verify", "/v1/sessions", "/nowhere"):
            async with httpx.AsyncClient(base_url=service.url, verify=NO_TLS) as client:
                await client.get(path, headers={"Authorization": f"Bearer {pair.access_token}"})
        await service.post("/v1/sessions/refresh", json={"refresh_token": "garbage"})
        await service.delete("/v1/sessions/current", token=pair.access_token)


def sums(reading: Reading) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    infinite = ("le", "+Inf")
    return {
        key: value
        for key, value in reading.samples.items()
        if key[0] in COUNTED and (key[0] != _BY_CHANCE or infinite in key[1])
    }


def shapes(reading: Reading) -> set[tuple[str, frozenset[str]]]:
    """Name each family's samples with the names of their labels; `worker` tells processes apart where there are two."""
    return {(name, frozenset(label for label, _ in labels) - {"worker"}) for name, labels in reading.samples}


def metric_files(service: Service) -> set[str]:
    port = service.management_url.rpartition(":")[2]
    return {file.name for file in Path(tempfile.gettempdir(), f"signet-metrics-127.0.0.1-{port}").glob("*")}


async def test_two_workers_show_the_families_and_sums_of_one(start_service: StartService) -> None:
    one, two = await start_service(), await start_service(SIGNET_WORKERS=str(WORKERS))
    for service, name in ((one, "ada"), (two, "eve")):
        await traffic(service, name)

    alone = await read_metrics(one)

    async def are_same() -> bool:
        # A worker that is not the one asked tells what its gauges show each second.
        return sums(await read_metrics(two)) == sums(alone)

    await eventually(are_same, within=_SOON_SECONDS)
    together = await read_metrics(two)
    assert shapes(together) == shapes(alone)
    pool = "signet_database_pool_size"
    assert together.value(pool) == WORKERS * alone.value(pool)
    assert {dict(labels).get("worker") for name, labels in together.samples if name.startswith("process_")} == {
        "0",
        "1",
    }


@pytest.mark.prove
async def test_a_worker_that_dies_leaves_its_counts_and_takes_its_gauges(start_service: StartService) -> None:
    service = await start_service(SIGNET_WORKERS=str(WORKERS))
    await traffic(service, "ada")
    before, files = await read_metrics(service), metric_files(service)
    pool = before.value("signet_database_pool_size")
    killed = service.workers()[0]
    killed.kill()

    async def is_replaced() -> bool:
        alive = {worker.pid for worker in service.workers()}
        return killed.pid not in alive and len(alive) == WORKERS and metric_files(service) == files

    await eventually(is_replaced, within=20)

    async def is_whole_again() -> bool:
        return (await read_metrics(service)).value("signet_database_pool_size") == pool

    await eventually(is_whole_again, within=20)
    after = await read_metrics(service)
    assert {key: value for key, value in sums(before).items() if after.samples[key] < value} == {}
    service.process.terminate()
    service.process.wait(20)
    assert metric_files(service) == set()


@pytest.mark.prove
async def test_what_a_worker_answered_last_is_counted_when_it_ends(start_service: StartService) -> None:
    service = await start_service(SIGNET_WORKERS=str(WORKERS), SIGNET_DRAIN="0")
    pair = await (await new_person(service, "ada@example.com")).sign_in()
    asked = {"method": "GET", "handler": "/v1/verify", "status": "200"}
    for _ in range(50):
        assert await service.accepts(pair.access_token)
    ended = {worker.pid for worker in service.workers()}
    service.process.send_signal(signal.SIGHUP)

    async def are_others() -> bool:
        return service.is_ready() and not ended & {worker.pid for worker in service.workers()}

    await eventually(are_others, within=20)
    assert (await read_metrics(service)).value("http_requests_total", **asked) == 50


def test_a_worker_that_is_buried_during_a_look_does_not_spoil_it(tmp_path: Path) -> None:
    shared = Shared.begin(tmp_path / "metrics")
    (shared.folder / "worker_0.pid").write_text(str(os.getpid()), encoding="ascii")
    # Its name is still read, and its file is there no longer.
    (shared.folder / "worker_1.pid").symlink_to("nowhere")

    samples = [sample for metric in shared.registry().collect() for sample in metric.samples]

    assert {sample.labels["worker"] for sample in samples if sample.name.startswith("process_")} == {"0"}


@pytest.mark.prove
async def test_a_second_start_that_finds_the_ports_taken_leaves_the_first_its_metrics(
    start_service: StartService, stores: Addresses, tmp_path: Path
) -> None:
    service = await start_service(SIGNET_WORKERS=str(WORKERS))
    await traffic(service, "ada")
    before, files = sums(await read_metrics(service)), metric_files(service)
    ports = {
        "SIGNET_PORT": service.url.rpartition(":")[2],
        "SIGNET_MANAGEMENT_PORT": service.management_url.rpartition(":")[2],
    }
    environment = {**stores.environment(), **ports, "SIGNET_WORKERS": str(WORKERS)}

    second = warm(["service", "serve"], environment, tmp_path / "second.log")

    assert await asyncio.to_thread(second.wait, 20) != 0
    assert metric_files(service) == files
    after = sums(await read_metrics(service))
    assert {key: value for key, value in before.items() if after.get(key, 0) < value} == {}
