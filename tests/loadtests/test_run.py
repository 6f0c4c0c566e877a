"""A small run from beginning to end against replicas that run already: what it tells, reports, their comparison."""

import asyncio
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from loadtests.exposition import Reading
from loadtests.scenarios.warm_cache import EDITORS, READERS
from tests.kit.environment import Addresses
from tests.kit.programs import ROOT
from tests.kit.services import Service, free_ports
from tests.loadtests.runs import run


async def test_a_run_writes_what_people_and_machines_read(
    replicas: tuple[Service, Service], stores: Addresses, tmp_path: Path
) -> None:
    """Latencies of two seconds on a busy machine decide nothing, so only counts are looked at."""
    ran = await asyncio.to_thread(run, "warm-cache", tmp_path, *shortly(replicas), **settings_of(stores))

    assert not [name for name in ran.failed if name.startswith("refused")], ran.said
    assert ran.told["replicas"] == 2
    assert "<svg" in written(tmp_path, "html").read_text(encoding="utf-8")
    assert "| near share |" in written(tmp_path, "md").read_text(encoding="utf-8")
    report = str(written(tmp_path, "json"))
    compared = subprocess.run(
        [sys.executable, "-m", "loadtests", "compare", report, report],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "| near share |" in compared.stdout
    assert "| read | p50 |" in compared.stdout


@pytest.mark.prove
async def test_a_master_tells_what_all_workers_do(
    replicas: tuple[Service, Service], stores: Addresses, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    words = (*shortly(replicas), "--workers", "2", "--tell", str(port))
    running = asyncio.ensure_future(asyncio.to_thread(run, "warm-cache", tmp_path, *words, **settings_of(stores)))
    readings = []
    async with httpx.AsyncClient() as client:
        while not running.done():
            with suppress(httpx.TransportError):
                readings.append(Reading.of((await client.get(f"http://127.0.0.1:{port}/metrics")).text))
            await asyncio.sleep(0.1)
    ran = await running

    assert max(reading.sum("signet_loadtest_users") for reading in readings) == READERS + EDITORS
    last = readings[-1]
    for request in ran.told["requests"]:
        # The report leaves the warm-up out.
        assert last.sum("signet_loadtest_requests_total", name=request["name"]) >= request["count"] > 0
    assert last.by("signet_loadtest_gate_kept", "gate") == {gate["name"]: gate["kept"] for gate in ran.told["gates"]}
    assert last.sum("signet_loadtest_verdict", verdict=ran.told["verdict"]) == 1


def shortly(replicas: tuple[Service, Service]) -> list[str]:
    """Ask these replicas, for two seconds."""
    return ["--length", "0.06", *(f"--{name}={url}" for each in replicas for name, url in _addresses(each))]


def settings_of(stores: Addresses) -> dict[str, str]:
    return {name: value for name, value in stores.environment().items() if name.startswith("SIGNET_")}


def written(folder: Path, ending: str) -> Path:
    return next(folder.glob(f"*.{ending}"))


def _addresses(service: Service) -> list[tuple[str, str]]:
    return [("host", service.url), ("metrics", service.management_url)]
