"""A run begins when the replicas it measures are ready, all of them and no others."""

import asyncio
from pathlib import Path

import pytest

from loadtests.replicas import steady
from local.refusals import CannotStart
from tests.kit.environment import Addresses
from tests.kit.services import Service
from tests.kit.unready import NOBODY_LISTENS, waiting_service

SOON = 0.6


async def test_ready_replicas_are_found_at_once(replicas: tuple[Service, Service]) -> None:
    names = [each.management_url for each in replicas]

    assert await asyncio.to_thread(steady, names, within=SOON) == tuple(names)


async def test_one_that_is_not_ready_is_waited_for(
    replicas: tuple[Service, Service], stores: Addresses, tmp_path: Path
) -> None:
    away = {"SIGNET_DATABASE_URL": f"postgresql://nobody@{NOBODY_LISTENS}/signet"}
    async with waiting_service(stores, tmp_path / "log", away) as unready:
        names = [replicas[0].management_url, unready.management_url]

        with pytest.raises(CannotStart, match="for all replicas to be ready"):
            await asyncio.to_thread(steady, names, within=SOON)


async def test_one_more_than_there_should_be_is_waited_for_to_go(replicas: tuple[Service, Service]) -> None:
    names = [each.management_url for each in replicas]

    with pytest.raises(CannotStart, match="for just 1 replicas"):
        await asyncio.to_thread(steady, names, 1, within=SOON)


async def test_a_name_that_nobody_is_behind_is_waited_for() -> None:
    with pytest.raises(CannotStart, match=r"nobody\.invalid"):
        await asyncio.to_thread(steady, ["http://nobody.invalid:9000"], within=SOON)
