"""A balancer on loopback: takes TCP connections and hands each to a replica that says it is ready."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count

import httpx

from tests.kit.services import NO_TLS, Service

_PROBE_SECONDS = 0.05


class Balancer:
    """Forwards bytes. A connection stays with its replica; only new ones are chosen for."""

    def __init__(self) -> None:
        self.replicas: list[Service] = []
        self.port = 0
        self._ready: list[Service] = []
        self._turn = count()
        self._writers: set[asyncio.StreamWriter] = set()
        self._probe = httpx.AsyncClient(timeout=1, verify=NO_TLS)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a client's connection to one of a ready replica."""
        chosen = self._ready[next(self._turn) % len(self._ready)]
        port = int(chosen.url.rsplit(":", 1)[1])
        self._writers.add(writer)
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        self._writers.add(there_writer)
        await asyncio.gather(_pour(reader, there_writer), _pour(there_reader, writer))
        self._writers -= {writer, there_writer}

    async def look_for_ever(self) -> None:
        """Ask every replica again and again whether it is ready."""
        while True:
            self._ready = [replica for replica in self.replicas if await self.is_ready(replica)]
            await asyncio.sleep(_PROBE_SECONDS)

    async def is_ready(self, replica: Service) -> bool:
        try:
            return (await self._probe.get(f"{replica.management_url}/readyz")).status_code == 200
        except httpx.TransportError:
            return False

    async def sees(self, replica: Service) -> bool:
        return replica in self._ready

    async def close(self) -> None:
        """Hang up on everybody."""
        for writer in list(self._writers):
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        await self._probe.aclose()


@asynccontextmanager
async def balancing(*replicas: Service) -> AsyncIterator[Balancer]:
    """Balance over these replicas; the list may change while it runs."""
    balancer = Balancer()
    balancer.replicas.extend(replicas)
    looking = asyncio.ensure_future(balancer.look_for_ever())
    server = await asyncio.start_server(balancer.forward, "127.0.0.1", 0)
    balancer.port = server.sockets[0].getsockname()[1]
    try:
        yield balancer
    finally:
        server.close()
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking
        await balancer.close()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        writer.close()
        await writer.wait_closed()
