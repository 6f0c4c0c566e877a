"""A replica that is not ready, and why it is not is the point: no schema, no Postgres."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import httpx

from tests.kit.environment import Addresses
from tests.kit.programs import warm
from tests.kit.services import NO_TLS, START_SECONDS, STOP_SECONDS, Service, free_ports
from tests.kit.waiting import until

NOBODY_LISTENS = "127.0.0.1:1"


@asynccontextmanager
async def waiting_service(
    stores: Addresses, log: Path, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Service]:
    """Start a replica and wait until it lives, which is sooner than ready; kill it after the block."""
    port, management_port = free_ports(2)
    environment = {
        **stores.environment(),
        "SIGNET_PORT": str(port),
        "SIGNET_MANAGEMENT_PORT": str(management_port),
        **(settings or {}),
    }
    process = warm(["service", "serve"], environment, log)
    service = Service(process, port, management_port, log)
    try:
        await asyncio.to_thread(until, lambda: _lives(service), monotonic() + START_SECONDS)
        yield service
    finally:
        await service.close()
        process.terminate()
        try:
            await asyncio.to_thread(process.wait, STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _lives(service: Service) -> bool:
    assert service.process.poll() is None, service.log.read_text()
    try:
        return httpx.get(f"{service.management_url}/livez", timeout=1, verify=NO_TLS).status_code == 200
    except httpx.TransportError:
        return False
