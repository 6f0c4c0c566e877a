"""A load generator that costs little: raw HTTP/1.1 on keep-alive connections, one request after the other on each."""

import asyncio
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from time import monotonic
from typing import cast

import orjson
import uvloop

_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_ANNOUNCED = re.compile(rb"Content-Length: \d+")
_NEXT = re.compile(rb'"refresh_token":"([^"]+)"')
# Gives the next request from the body of the last answer; None when there is none left.
Feed = Callable[[bytes], bytes | None]


@dataclass
class Tally:
    """What came back."""

    answered: int = 0
    refused: int = 0
    # Connections that the server closed.
    lost: int = 0
    seconds: float = 0.0


class Connection(asyncio.Protocol):
    """Sends its next request as soon as the answer is complete."""

    def __init__(self, feed: Feed, tally: Tally, until: float) -> None:
        self._feed = feed
        self._tally = tally
        self._until = until
        self._buffer = b""
        self._is_over = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.WriteTransport", transport)
        self._send(b"")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator or len(body) < _content_length(head):
            return
        self._buffer = b""
        self._tally.answered += 1
        self._tally.refused += not head.startswith(b"HTTP/1.1 2")
        self._send(body)

    def connection_lost(self, _: Exception | None) -> None:
        self._tally.lost += not self._is_over
        if not self.done.done():
            self.done.set_result(None)

    def _send(self, answer: bytes) -> None:
        request = self._feed(answer) if monotonic() < self._until else None
        if request is None:
            self._is_over = True
            self._transport.close()
        else:
            self._transport.write(request)


def _content_length(head: bytes) -> int:
    match = _CONTENT_LENGTH.search(head)
    return int(match[1]) if match else 0


def _feeds(kind: str, requests: list[bytes]) -> Iterator[Feed]:
    """Give each connection its feed: the same request again, one that nobody has sent yet, or a chain of its own."""
    unsent = iter(requests)
    for request in cycle(requests):
        if kind == "again":
            yield partial(_again, request)
        elif kind == "once":
            yield lambda _: next(unsent, None)
        else:
            yield partial(_follow, request)


def _again(request: bytes, _: bytes) -> bytes:
    return request


def _follow(request: bytes, answer: bytes) -> bytes:
    """Put the refresh token of the last answer into the place of the first one."""
    found = _NEXT.search(answer)
    if found is None:
        return request
    head, _, body = request.partition(b"\r\n\r\n")
    body = _NEXT.sub(found[0], body)
    return _ANNOUNCED.sub(b"Content-Length: %d" % len(body), head) + b"\r\n\r\n" + body


async def run(port: int, kind: str, requests: list[bytes], connections: int, seconds: float) -> Tally:
    """Load one server for a while, the requests spread over the connections."""
    tally = Tally()
    loop = asyncio.get_running_loop()
    began = monotonic()
    until = began + seconds
    opened = [
        await loop.create_connection(partial(Connection, feed, tally, until), "127.0.0.1", port)
        for feed in islice(_feeds(kind, requests), connections)
    ]
    await asyncio.gather(*(protocol.done for _, protocol in opened))
    tally.seconds = monotonic() - began
    return tally


def main() -> None:
    """Read the work from standard input, print the tally."""
    work = orjson.loads(sys.stdin.buffer.read())
    requests = [request.encode() for request in work["requests"]]
    tally = uvloop.run(run(work["port"], work["kind"], requests, work["connections"], work["seconds"]))
    sys.stdout.buffer.write(orjson.dumps(tally.__dict__))


if __name__ == "__main__":
    main()
