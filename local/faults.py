"""A TCP proxy in front of a store that does what networks do: cut, refuse, freeze, slow, half-open, reset, limit."""

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

_CHUNK = 65_536
_TURNS_TO_END = 10
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Fault:
    """What happens to bytes on their way; the default is nothing."""

    is_frozen: bool = False
    is_half_open: bool = False
    delay_seconds: float = 0.0
    byte_limit: int | None = None


@dataclass(eq=False)
class _Link:
    """One client's connection and its own to the store."""

    client: asyncio.StreamWriter
    store: asyncio.StreamWriter
    answered_bytes: int = 0

    def abort(self) -> None:
        for side in (self.client, self.store):
            side.transport.abort()

    def reset(self) -> None:
        """End it with RST in place of FIN, as a machine does that does not know the connection."""
        own: socket.socket = self.client.get_extra_info("socket")
        with suppress(OSError):
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.abort()


@dataclass(eq=False)
class FaultProxy:
    """Listens on a port of its own for the store at `url`; `through` is the address that clients are given.

    Every method is over when it returns. A fault concerns the connections there are and those to come.
    """

    url: str
    through: str = ""
    _fault: Fault = Fault()
    _listener: asyncio.Server | None = None
    _thawed: asyncio.Event = field(default_factory=asyncio.Event)
    _links: set[_Link] = field(default_factory=set)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self) -> None:
        """Begin to listen, on the same port as before if there was one."""
        self._thawed.set()
        port = urlsplit(self.through).port or 0
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.through = _at_port(self.url, self._listener.sockets[0].getsockname()[1])

    async def heal(self) -> None:
        """Let everything pass again. Connections that a fault has spoiled are cut, as their bytes are lost."""
        if self._fault.is_half_open or self._fault.byte_limit is not None:
            self.cut()
        self._become(Fault())
        if self._listener is None:
            await self.open()

    def cut(self) -> None:
        """End all connections at once; new ones pass."""
        for link in tuple(self._links):
            link.abort()

    def reset(self) -> None:
        """End all connections with RST; new ones pass."""
        for link in tuple(self._links):
            link.reset()

    async def refuse(self) -> None:
        """End all connections and refuse new ones: nobody listens."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
        self.cut()

    def freeze(self) -> None:
        """Hold every byte in both directions; connections are taken and nobody answers."""
        self._become(Fault(is_frozen=True))

    def slow(self, seconds: float) -> None:
        """Deliver each answer so much later."""
        self._become(Fault(delay_seconds=seconds))

    def half_open(self) -> None:
        """Deliver what clients say and lose what the store answers."""
        self._become(Fault(is_half_open=True))

    def limit(self, answered_bytes: int) -> None:
        """Cut each connection after so many more bytes of answers, wherever that is."""
        for link in self._links:
            link.answered_bytes = 0
        self._become(Fault(byte_limit=answered_bytes))

    async def close(self) -> None:
        """End everything."""
        await self.refuse()
        for _ in range(_TURNS_TO_END):
            # What was accepted before the listener closed may still become a connection.
            await asyncio.sleep(0)
            self.cut()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _become(self, fault: Fault) -> None:
        self._fault = fault
        if fault.is_frozen:
            self._thawed.clear()
        else:
            self._thawed.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._listener is None:
            writer.transport.abort()
            return
        # Kept here, because the streams keep only weak references and close() waits for all.
        task = asyncio.ensure_future(self._link(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _link(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        address = urlsplit(self.url)
        try:
            answers, store = await asyncio.open_connection(address.hostname, address.port)
        except OSError:
            client.transport.abort()
            return
        link = _Link(client, store)
        self._links.add(link)
        pumps = {asyncio.ensure_future(self._say(reader, link)), asyncio.ensure_future(self._answer(answers, link))}
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._links.discard(link)
            link.abort()
            for pump in pumps:
                pump.cancel()

    async def _say(self, reader: asyncio.StreamReader, link: _Link) -> None:
        with suppress(OSError):
            while said := await reader.read(_CHUNK):
                await self._thawed.wait()
                link.store.write(said)
                await link.store.drain()

    async def _answer(self, reader: asyncio.StreamReader, link: _Link) -> None:
        with suppress(OSError):
            while answered := await reader.read(_CHUNK):
                await asyncio.sleep(self._fault.delay_seconds)
                await self._thawed.wait()
                if self._fault.is_half_open:
                    continue
                link.client.write(self._within_limit(link, answered))
                await link.client.drain()
                if self._is_spent(link):
                    return

    def _within_limit(self, link: _Link, answered: bytes) -> bytes:
        limit = self._fault.byte_limit
        kept = answered if limit is None else answered[: max(0, limit - link.answered_bytes)]
        link.answered_bytes += len(answered)
        return kept

    def _is_spent(self, link: _Link) -> bool:
        return self._fault.byte_limit is not None and link.answered_bytes >= self._fault.byte_limit


def _at_port(url: str, port: int) -> str:
    parts = urlsplit(url)
    credentials, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{credentials}{at}127.0.0.1:{port}"))
