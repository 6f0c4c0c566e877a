"""A load generator that costs little: raw HTTP/1.1 on keep-alive connections, one request after the other on each."""

import asyncio
import re
import sys
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from time import monotonic
from typing import cast

import orjson
import uvloop

_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)")


@dataclass
class Tally:
    """What came back."""

    answered: int = 0
    refused: int = 0
    seconds: float = 0.0


class Connection(asyncio.Protocol):
    """Sends its request again as soon as the answer is complete."""

    def __init__(self, request: bytes, tally: Tally, until: float) -> None:
        self._request = request
        self._tally = tally
        self._until = until
        self._buffer = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.WriteTransport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator or len(body) < _content_length(head):
            return
        self._buffer = b""
        self._tally.answered += 1
        self._tally.refused += not head.startswith((b"HTTP/1.1 2", b"HTTP/1.1 3"))
        if monotonic() < self._until:
            self._transport.write(self._request)
        else:
            self._transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


def _content_length(head: bytes) -> int:
    match = _CONTENT_LENGTH.search(head)
    return int(match[1]) if match else 0


async def run(port: int, requests: list[bytes], connections: int, seconds: float) -> Tally:
    """Load one server for a while, the requests spread over the connections."""
    tally = Tally()
    loop = asyncio.get_running_loop()
    began = monotonic()
    until = began + seconds
    opened = [
        await loop.create_connection(partial(Connection, request, tally, until), "127.0.0.1", port)
        for request in islice(cycle(requests), connections)
    ]
    await asyncio.gather(*(protocol.done for _, protocol in opened))
    tally.seconds = monotonic() - began
    return tally


def main() -> None:
    """Read the work from standard input, print the tally."""
    work = orjson.loads(sys.stdin.buffer.read())
    requests = [request.encode() for request in work["requests"]]
    tally = uvloop.run(run(work["port"], requests, work["connections"], work["seconds"]))
    sys.stdout.buffer.write(orjson.dumps(tally.__dict__))


if __name__ == "__main__":
    main()
