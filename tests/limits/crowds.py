"""Crowds that ask at once, from addresses of their own, and what they were answered."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from itertools import cycle, islice

import httpx

from tests.kit.people import PASSWORD
from tests.kit.services import Service

WRONG_PASSWORD = "not the right password"
Asking = Callable[[Service, int], Awaitable[httpx.Response]]


def new_address() -> str:
    """Draw an address that no other test has used."""
    return ".".join(["10", *(str(byte) for byte in secrets.token_bytes(3))])


def new_email() -> str:
    return f"{secrets.token_hex(6)}@example.com"


async def sign_in(
    service: Service,
    email: str,
    password: str = WRONG_PASSWORD,
    *,
    address: str | None = None,
    known_device: str | None = None,
) -> httpx.Response:
    """Try to sign in, by default with a wrong password from an address nobody knows."""
    body = {"email": email, "password": password, "known_device": known_device}
    return await service.post("/v1/sessions", json=body, headers=behind(address or new_address()))


async def register(service: Service, email: str, address: str) -> httpx.Response:
    return await service.post("/v1/users", json={"email": email, "password": PASSWORD}, headers=behind(address))


def behind(address: str) -> dict[str, str]:
    """Head a request as the proxy of this address does."""
    return {"X-Forwarded-For": address}


async def ask_at_once(services: Iterable[Service], asking: Asking, count: int) -> list[httpx.Response]:
    """Ask so many times at once, of one replica after the other."""
    asked = islice(cycle(services), count)
    return list(await asyncio.gather(*(asking(service, number) for number, service in enumerate(asked))))


def passed(answers: Iterable[httpx.Response]) -> int:
    """Count who was let pass, having looked that everybody else was told to wait, and how long."""
    counted = Counter(answer.status_code for answer in answers)
    assert set(counted) <= {200, 201, 401, 429}, counted
    for answer in answers:
        if answer.status_code == 429:
            assert says_when(answer), answer.headers
    return counted.total() - counted[429]


def says_when(answer: httpx.Response) -> bool:
    """Tell whether a refusal names the policy and the seconds to wait, the same in each header."""
    seconds = int(answer.headers["retry-after"])
    limit, policy = answer.headers["ratelimit"], answer.headers["ratelimit-policy"]
    name = limit.partition(";")[0]
    return seconds >= 1 and limit == f"{name};r=0;t={seconds}" and policy.startswith(f"{name};q=")
