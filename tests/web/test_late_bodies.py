"""A body that does not arrive in time is its sender's failure, and is not counted as one of the service."""

import asyncio
from urllib.parse import urlsplit

from tests.kit.services import Service, StartService

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
# One that is answered past the framework, one that the framework reads, and one that takes a form.
ROUTES = [("POST /v1/sessions", JSON), ("PATCH /v1/users/me", JSON), ("POST /oauth/token", FORM)]


async def test_a_body_that_does_not_arrive_is_refused_as_late(start_service: StartService) -> None:
    hurried = await start_service(SIGNET_REQUEST_TIMEOUT="200ms")

    answers = await asyncio.gather(*(send_half(hurried, *route) for route in ROUTES))

    for answer in answers:
        assert answer.startswith("HTTP/1.1 408 ")
        assert "application/problem+json" in answer
        assert '"code":"body_late"' in answer


async def send_half(service: Service, request_line: str, media_type: str) -> str:
    """Send less than was announced and read all that comes back, until the connection is closed."""
    address = urlsplit(service.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    head = f"{request_line} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: {media_type}\r\nContent-Length: 100\r\n"
    writer.write(f"{head}\r\n{{".encode())
    try:
        return (await asyncio.wait_for(reader.read(), 5)).decode()
    finally:
        writer.close()
