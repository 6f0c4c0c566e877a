"""A small run from beginning to end against replicas that run already: reports, and the comparison of two."""

import asyncio
import subprocess
import sys
from pathlib import Path

from tests.kit.environment import Addresses
from tests.kit.programs import ROOT
from tests.kit.services import Service
from tests.loadtests.runs import run


async def test_a_run_writes_what_people_and_machines_read(
    replicas: tuple[Service, Service], stores: Addresses, tmp_path: Path
) -> None:
    """Latencies of two seconds on a busy machine decide nothing, so only counts are looked at."""
    where = [f"--{name}={url}" for each in replicas for name, url in _addresses(each)]
    settings = {name: value for name, value in stores.environment().items() if name.startswith("SIGNET_")}

    ran = await asyncio.to_thread(run, "warm-cache", tmp_path, "--length", "0.06", *where, **settings)

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


def written(folder: Path, ending: str) -> Path:
    return next(folder.glob(f"*.{ending}"))


def _addresses(service: Service) -> list[tuple[str, str]]:
    return [("host", service.url), ("metrics", service.management_url)]
