"""SIGTERM under load: unready first, serving on, then no connections, the last spans, the end; all within the grace."""

import asyncio
import signal
from contextlib import suppress
from pathlib import Path
from time import monotonic

import httpx
import pytest

from tests.kit.environment import Addresses
from tests.kit.metrics import read_metrics
from tests.kit.otlp import collecting, deaf_collector
from tests.kit.people import new_person, problem
from tests.kit.services import NO_TLS, Service, StartService, running_service
from tests.kit.waiting import eventually

DRAIN, SHUTDOWN, MARGIN = 1.5, 2.0, 5.0
SETTINGS = {
    "SIGNET_DRAIN": f"{DRAIN}s",
    "SIGNET_SHUTDOWN_TIMEOUT": f"{SHUTDOWN}s",
    "OTEL_TRACES_SAMPLER": "always_on",
    # Nothing leaves before the end, unless there is very much of it.
    "OTEL_BSP_SCHEDULE_DELAY": "600000",
}
CLIENTS = 4


class Load:
    """Clients behind a balancer: each asks on, on connections of its own, as long as the probe says ready."""

    def __init__(self, service: Service, token: str) -> None:
        self._service = service
        self._token = {"Authorization": f"Bearer {token}"}
        self.answers: list[httpx.Response] = []
        self.unready_at = self.refused_at = 0.0

    async def run(self) -> None:
        await asyncio.gather(self._watch(), *(self._ask() for _ in range(CLIENTS)))

    async def _ask(self) -> None:
        while not self.unready_at:
            async with httpx.AsyncClient(base_url=self._service.url, verify=NO_TLS) as client:
                self.answers.append(await client.get("/v1/verify", headers=self._token))

    async def _watch(self) -> None:
        """Ask the probe until nobody answers."""
        with suppress(httpx.TransportError):
            while True:
                async with httpx.AsyncClient(base_url=self._service.management_url, verify=NO_TLS) as client:
                    answer = await client.get("/readyz")
                if answer.status_code == 503:
                    self.unready_at = self.unready_at or monotonic()
        self.refused_at = monotonic()


async def test_under_load_each_step_comes_in_its_order_and_no_span_is_lost(start_service: StartService) -> None:
    with collecting() as collector:
        service = await start_service(**SETTINGS, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        token = (await (await new_person(service, "ada@example.com")).sign_in()).access_token
        load = Load(service, token)
        running = asyncio.ensure_future(load.run())

        async def is_busy() -> bool:
            return len(load.answers) > 20 * CLIENTS

        await eventually(is_busy, within=20)
        assert collector.requests == []
        told_at = monotonic()
        service.process.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(service.process.wait, 20)
        ended_at = monotonic()
        await running

    assert code == 0
    assert told_at < load.unready_at < told_at + DRAIN <= load.refused_at <= ended_at
    assert ended_at - told_at < DRAIN + SHUTDOWN + MARGIN
    assert {answer.status_code for answer in load.answers} == {200}
    told = [answer.headers["x-request-id"] for answer in load.answers]
    delivered = {span.trace_id.hex() for span in collector.spans()}
    assert [trace_id for trace_id in told if trace_id not in delivered] == []


@pytest.mark.prove
@pytest.mark.parametrize("way", ["nobody", "deaf"])
async def test_neither_a_stuck_request_nor_a_dead_collector_delays_the_end(
    stores: Addresses, tmp_path: Path, way: str
) -> None:
    with deaf_collector() as deaf:
        collector = deaf if way == "deaf" else "http://127.0.0.1:1"
        settings = {**SETTINGS, "OTEL_EXPORTER_OTLP_ENDPOINT": collector}
        async with running_service(stores, tmp_path / "log", settings, "tests.telemetry.blocking") as service:
            await new_person(service, "ada@example.com")
            idle = (await read_metrics(service)).value("signet_asyncio_tasks")
            stuck = asyncio.ensure_future(service.get("/stuck"))

            async def is_under_way() -> bool:
                return (await read_metrics(service)).value("signet_asyncio_tasks") > idle

            await eventually(is_under_way, within=5)
            told_at = monotonic()
            service.process.send_signal(signal.SIGTERM)
            code = await asyncio.to_thread(service.process.wait, 20)

            assert code == 0
            assert monotonic() - told_at < DRAIN + SHUTDOWN + MARGIN
            assert problem(await stuck) == (503, "deadline_exceeded")
            log = service.log.read_text(encoding="utf-8")
            assert "spans can't be delivered" in log or "the last spans could not be delivered in time" in log
