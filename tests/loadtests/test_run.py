"""Small runs from beginning to end against replicas that run already: what they tell, write and end with."""

import asyncio
import re
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from loadtests.exposition import Reading
from loadtests.plans import PORT
from loadtests.scenarios.warm_cache import EDITORS, READERS
from tests.kit.environment import Addresses
from tests.kit.programs import ROOT
from tests.kit.services import NO_TLS, Service, free_ports
from tests.loadtests.faults import IDLE_HOOKS
from tests.loadtests.runs import RED, VOID, Ran, against, run


async def test_a_run_ends_with_1_names_what_failed_and_writes_what_people_and_machines_read(
    replicas: tuple[Service, Service], stores: Addresses, tmp_path: Path
) -> None:
    """Its hooks take nothing away, so the one gate that asks whether there was an outage has to fail."""
    scenario, gate = IDLE_HOOKS
    where, settings = against(replicas, stores)
    hooks = ("--away", f"touch {tmp_path / 'away'}", "--back", f"touch {tmp_path / 'back'}")

    ran = await asyncio.to_thread(run, scenario, tmp_path, "--length", "0.05", *hooks, *where, **settings)

    assert (ran.exit_code, ran.failed) == (RED, {gate}), ran.said
    assert f"FAILED  {gate}: 0, but may be at least 1" in ran.said
    assert names(tmp_path) >= {"away", "back"}
    assert ran.told["replicas"] == 2
    assert "<svg" in written(tmp_path, "html").read_text(encoding="utf-8")
    assert f"| {gate} | 0 | at least 1 |" in written(tmp_path, "md").read_text(encoding="utf-8")
    compared = compare(written(tmp_path, "json"))
    assert f"| {gate} | 0 **failed** | 0 **failed** | = | at least 1 |" in compared
    assert "| read | p50 |" in compared


@dataclass(frozen=True)
class Watched:
    """A run that was over before it had begun, and what Locust showed meanwhile."""

    ran: Ran
    pages: set[str]


@pytest.fixture(scope="module")
async def watched(
    replicas: tuple[Service, Service], stores: Addresses, tmp_path_factory: pytest.TempPathFactory
) -> Watched:
    (port,) = free_ports(1)
    where, settings = against(replicas, stores)
    # Of the second replica only the metrics are named.
    words = ("--length", "0.001", *where[:4], *where[6:], "--ui", "--ui-port", str(port))
    reports = tmp_path_factory.mktemp("reports")
    running = asyncio.ensure_future(asyncio.to_thread(run, "revocation", reports, *words, **settings))
    pages = set()
    async with httpx.AsyncClient(verify=NO_TLS) as client:
        while not running.done():
            with suppress(httpx.TransportError):
                pages.add((await client.get(f"http://127.0.0.1:{port}/")).text)
            await asyncio.sleep(0.1)
    return Watched(await running, pages)


def test_a_run_that_says_nothing_of_its_generator_is_void_and_ends_with_2(watched: Watched) -> None:
    """Gates that could not be read would have made it 1."""
    ran = watched.ran

    assert ran.exit_code == VOID, ran.said
    assert ran.failed
    assert re.search(r"VOID    the generator \S+ told nothing of itself after the warm-up", ran.said)


def test_that_all_log_outs_went_to_one_address_is_said(watched: Watched) -> None:
    note = "log-outs and the questions after them go to one HOST for 2 replicas"

    assert f"NOTE    {note}" in watched.ran.said
    assert watched.ran.told["notes"][0].startswith(note)


def test_pages_of_locust_are_shown_while_it_runs(watched: Watched) -> None:
    assert any("<title>Locust</title>" in page for page in watched.pages)


@pytest.mark.prove
async def test_a_master_tells_what_all_workers_do(
    replicas: tuple[Service, Service], stores: Addresses, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    where, settings = against(replicas, stores)
    words = ("--length", "0.06", *where, "--workers", "2", "--tell", str(port))
    running = asyncio.ensure_future(asyncio.to_thread(run, "warm-cache", tmp_path, *words, **settings))
    readings, was_there = [], False
    async with httpx.AsyncClient() as client:
        while not running.done():
            # Its workers are here; for whoever is elsewhere nobody listens.
            assert not is_listening("127.0.0.2", PORT)
            was_there |= is_listening("127.0.0.1", PORT)
            with suppress(httpx.TransportError):
                readings.append(Reading.of((await client.get(f"http://127.0.0.1:{port}/metrics")).text))
            await asyncio.sleep(0.1)
    ran = await running

    assert was_there
    assert max(reading.sum("signet_loadtest_users") for reading in readings) == READERS + EDITORS
    last = readings[-1]
    for request in ran.told["requests"]:
        # The report leaves the warm-up out.
        assert last.sum("signet_loadtest_requests_total", name=request["name"]) >= request["count"] > 0
    assert last.by("signet_loadtest_gate_kept", "gate") == {gate["name"]: gate["kept"] for gate in ran.told["gates"]}
    assert last.sum("signet_loadtest_verdict", verdict=ran.told["verdict"]) == 1


def is_listening(address: str, port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


def compare(report: Path) -> str:
    words = [sys.executable, "-m", "loadtests", "compare", str(report), str(report)]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def written(folder: Path, ending: str) -> Path:
    return next(folder.glob(f"*.{ending}"))
