"""An answer leaves in one piece, and whatever is not one leaves no later than it would have."""

import asyncio

from service.web.one_piece import OnePiece
from tests.kit.services import Service

HEAD, BODY = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", b"{}"


class Wire(asyncio.Transport):
    """Notes what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def close(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed


async def test_head_and_body_are_one_write() -> None:
    wire = Wire()
    transport = OnePiece(wire, asyncio.get_running_loop())

    for _ in range(2):
        transport.write(HEAD)
        transport.write(BODY)
    await asyncio.sleep(0)

    assert wire.written == [HEAD + BODY, HEAD + BODY]


async def test_a_head_whose_body_takes_its_time_goes_ahead() -> None:
    wire = Wire()
    transport = OnePiece(wire, asyncio.get_running_loop())

    transport.write(HEAD)
    await asyncio.sleep(0)
    transport.write(BODY)

    assert wire.written == [HEAD, BODY]


async def test_what_is_no_head_is_not_held_back() -> None:
    wire = Wire()
    transport = OnePiece(wire, asyncio.get_running_loop())

    transport.write(b"HTTP/1.1 in a body")
    transport.write(b"0\r\n\r\n")

    assert wire.written == [b"HTTP/1.1 in a body", b"0\r\n\r\n"]


async def test_a_head_is_written_before_the_end_and_never_after_it() -> None:
    closed, broken = Wire(), Wire()
    transport = OnePiece(closed, asyncio.get_running_loop())
    transport.write(HEAD)
    transport.close()
    OnePiece(broken, asyncio.get_running_loop()).write(HEAD)
    broken.close()
    await asyncio.sleep(0)

    assert closed.written == [HEAD]
    assert closed.is_closed
    assert broken.written == []


async def test_the_server_writes_answers_so(service: Service) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    for _ in range(50):
        writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nRange: none\r\n\r\n")
        first = await reader.read(2**20)
        head, _, body = first.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert body, "the head came alone"
        announced = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await reader.readexactly(announced - len(body))
    writer.close()
