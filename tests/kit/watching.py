"""A real Prometheus that scrapes replicas and plays the shipped rules to them, in a minute's time for an hour."""

import asyncio
import re
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import yaml

from tests.kit.prometheus import RULE_FILES, program
from tests.kit.services import NO_TLS, free_ports
from tests.kit.waiting import eventually, until

FASTER = 60
NAMESPACE = "identity"
_START_SECONDS = 20.0
_SCRAPE_SECONDS = 0.5
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_LENGTH = re.compile(r"(\d+)(ms|[smhd])\b")


@dataclass(frozen=True)
class Target:
    """What is scraped, and what Kubernetes would call it."""

    job: str
    pod: str
    address: str
    comes_later: bool = False


@dataclass(frozen=True)
class Prometheus:
    """A running server, spoken to over its API."""

    url: str
    client: httpx.AsyncClient

    async def ask(self, expression: str, at: float | None = None) -> list[dict[str, Any]]:
        """Evaluate an expression now, or at an instant; each series of the answer."""
        when = {"time": str(at)} if at is not None else {}
        answer = await self.client.get("/api/v1/query", params={"query": expression, **when})
        assert answer.status_code == 200, f"{expression}: {answer.text}"
        result: list[dict[str, Any]] = answer.json()["data"]["result"]
        return result

    async def ask_over(self, expression: str, start: float, end: float) -> list[dict[str, Any]]:
        """Evaluate an expression for each second of a while."""
        given = {"query": expression, "start": str(start), "end": str(end), "step": "1"}
        answer = await self.client.get("/api/v1/query_range", params=given)
        assert answer.status_code == 200, f"{expression}: {answer.text}"
        result: list[dict[str, Any]] = answer.json()["data"]["result"]
        return result

    async def value(self, expression: str, at: float | None = None) -> float:
        """Evaluate an expression of one series; without a series it is 0."""
        found = await self.ask(expression, at)
        return float(found[0]["value"][1]) if found else 0.0

    async def sees(self, targets: int) -> bool:
        return await self.value("count(up == 1)") == targets

    async def firing(self) -> set[str]:
        return {series["metric"]["alertname"] for series in await self.ask('ALERTS{alertstate="firing"}')}


@asynccontextmanager
async def watching(folder: Path, targets: Sequence[Target]) -> AsyncIterator[Prometheus]:
    """Run Prometheus with the shipped rules on these targets, everything 60 times faster; stop it after the block."""
    (port,) = free_ports(1)
    config = folder / "prometheus.yaml"
    config.write_text(yaml.safe_dump(_config(targets, _hastened_rules(folder))), encoding="utf-8")
    words = [
        program("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    url = f"http://127.0.0.1:{port}"
    with (folder / "prometheus.log").open("wb") as log, subprocess.Popen(words, stdout=log, stderr=log) as process:
        try:
            await asyncio.to_thread(until, lambda: _is_ready(url), monotonic() + _START_SECONDS)
            async with httpx.AsyncClient(base_url=url, timeout=30) as client:
                running = Prometheus(url, client)
                # It looks for targets five seconds after its start.
                there = [target for target in targets if not target.comes_later]
                await eventually(running.sees, len(there), within=_START_SECONDS)
                yield running
        finally:
            process.terminate()


def hastened(rules: dict[str, Any], factor: int) -> dict[str, Any]:
    """Divide every length of time in a rule file by a factor: ranges, steps, `for` and `interval`.

    Numbers in expressions stay as they are, so what is compared with a threshold is what ships. Two things are thereby
    not what they will be: the guards for little traffic see 60 times too many errors, and thresholds in seconds (the
    age of a poll, a clock's offset) are reached as late as ever. promtool plays both at their true speed.
    """

    def shorter(text: str) -> str:
        return _LENGTH.sub(lambda found: f"{int(int(found[1]) * _SECONDS[found[2]] * 1000 / factor)}ms", text)

    for group in rules["groups"]:
        group["interval"] = shorter(group["interval"])
        for rule in group["rules"]:
            rule["expr"] = re.sub(r"\[[^\]]*\]", lambda found: shorter(found[0]), rule["expr"])
            if "for" in rule:
                rule["for"] = shorter(rule["for"])
    return rules


def _hastened_rules(folder: Path) -> list[str]:
    written = []
    for file in RULE_FILES:
        rules = hastened(yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader), FASTER)
        (folder / file.name).write_text(yaml.safe_dump(rules), encoding="utf-8")
        written.append(str(folder / file.name))
    return written


def _config(targets: Sequence[Target], rule_files: list[str]) -> dict[str, Any]:
    interval = f"{int(_SCRAPE_SECONDS * 1000)}ms"
    return {
        "global": {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval},
        "rule_files": rule_files,
        "scrape_configs": [
            {
                "job_name": job,
                "static_configs": [
                    {"targets": [target.address], "labels": {"namespace": NAMESPACE, "pod": target.pod}}
                    for target in targets
                    if target.job == job
                ],
            }
            for job in sorted({target.job for target in targets})
        ],
    }


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", timeout=1, verify=NO_TLS).status_code == 200
    except httpx.TransportError:
        return False
