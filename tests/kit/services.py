"""A running replica: the real command, on real ports, spoken to over HTTP."""

import asyncio
import os
import random
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import psutil

from local.folder import is_free
from tests.kit.environment import Addresses
from tests.kit.programs import Program, Start, warm
from tests.kit.waiting import until

START_SECONDS, STOP_SECONDS = 20.0, 15.0
# Replicas under test speak plain HTTP. A client that reads the machine's certificates all the same takes 25 ms of CPU
# for it, and each look at a probe is a client.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
MANY = httpx.Limits(max_connections=300)
PORTS_OF_A_WORKER = 1000


def _ports_of_this_worker() -> Iterator[int]:
    """Go round the ports of this test worker: below those of stores and of connections, not those of another."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
    first = 12_000 + worker * PORTS_OF_A_WORKER
    begin = random.SystemRandom().randrange(PORTS_OF_A_WORKER)
    return cycle(first + (begin + step) % PORTS_OF_A_WORKER for step in range(PORTS_OF_A_WORKER))


_PORTS = _ports_of_this_worker()


class Caller:
    """Speaks to one replica over HTTP. `token=` sends a bearer token, `if_match=` and the like are headers."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def call(
        self, method: str, path: str, *, token: str | None = None, headers: Mapping[str, str] | None = None, **body: Any
    ) -> httpx.Response:
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        return await self._client.request(method, path, headers=sent, **body)

    async def get(self, path: str, **given: Any) -> httpx.Response:
        return await self.call("GET", path, **given)

    async def post(self, path: str, **given: Any) -> httpx.Response:
        return await self.call("POST", path, **given)

    async def put(self, path: str, **given: Any) -> httpx.Response:
        return await self.call("PUT", path, **given)

    async def patch(self, path: str, **given: Any) -> httpx.Response:
        return await self.call("PATCH", path, **given)

    async def delete(self, path: str, **given: Any) -> httpx.Response:
        return await self.call("DELETE", path, **given)

    async def accepts(self, access_token: str) -> bool:
        """Tell whether an access token is let through; anything but 200 and 401 is an error of the test's subject."""
        answer = await self.get("/v1/verify", token=access_token)
        assert answer.status_code in {200, 401}, answer.text
        return answer.status_code == 200

    async def refuses(self, access_token: str) -> bool:
        return not await self.accepts(access_token)


class Service(Caller):
    """One process of the service."""

    def __init__(self, process: Program, port: int, management_port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.management_url = f"http://127.0.0.1:{management_port}"
        self.log = log
        super().__init__(httpx.AsyncClient(base_url=self.url, timeout=30, limits=MANY, verify=NO_TLS))

    async def metrics(self) -> str:
        answer = await self._client.get(f"{self.management_url}/metrics")
        return answer.text

    def kill(self) -> None:
        """End the process and its workers at once, as a node that goes away would."""
        master = psutil.Process(self.process.pid)
        for process in [*master.children(recursive=True), master]:
            process.kill()

    def workers(self) -> list[psutil.Process]:
        """Give the workers that live now; one may die between two looks."""
        children = psutil.Process(self.process.pid).children()
        return [worker for worker in children if not _has_died(worker)]

    async def close(self) -> None:
        await self._client.aclose()

    def log_lines(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines()

    def is_ready(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"the service ended:\n{self.log.read_text()}")
        try:
            return httpx.get(f"{self.management_url}/readyz", timeout=1, verify=NO_TLS).status_code == 200
        except httpx.TransportError:
            return False


# Starts a further replica with the settings it is given, and stops it after the test.
StartService = Callable[..., Awaitable[Service]]


def _has_died(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def free_ports(count: int) -> list[int]:
    """Find ports that nobody uses now, and that no connection or other worker will take before they are used."""
    found: list[int] = []
    while len(found) < count:
        if is_free("127.0.0.1", port := next(_PORTS)):
            found.append(port)
    return found


@asynccontextmanager
async def running_service(
    stores: Addresses,
    log: Path,
    settings: Mapping[str, str] | None = None,
    module: str = "service",
    start: Start = warm,
) -> AsyncIterator[Service]:
    """Start a replica, wait until it is ready, stop it after the block. `module` may be a build with a fault."""
    port, management_port = free_ports(2)
    environment = {
        **stores.environment(),
        "SIGNET_PORT": str(port),
        "SIGNET_MANAGEMENT_PORT": str(management_port),
        **(settings or {}),
    }
    process = start([module, "serve"], environment, log)
    service = Service(process, port, management_port, log)
    try:
        await asyncio.to_thread(until, service.is_ready, monotonic() + START_SECONDS)
        yield service
    finally:
        await service.close()
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@asynccontextmanager
async def running_pair(
    stores: Addresses, folder: Path, settings: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Service, Service]]:
    """Start two replicas that are alike; their logs are in the folder."""
    async with (
        running_service(stores, folder / "first.log", settings) as first,
        running_service(stores, folder / "second.log", settings) as second,
    ):
        yield first, second
