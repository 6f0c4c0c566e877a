"""A replica whose machine's clock is wrong, and may be set to another time while it runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import time

import httpx

from service.app import create_app
from service.clock import Clock
from tests.kit.environment import Addresses
from tests.kit.parts import settings_of
from tests.kit.services import Caller
from tests.kit.waiting import eventually

_HEARD_SECONDS, _RIGHT_SECONDS = 5.0, 1.0


@dataclass
class WrongClock:
    """What a machine believes the time is, and what the replica on it makes of that."""

    seconds_ahead: float
    clock: Clock = field(init=False)

    def __post_init__(self) -> None:
        self.clock = Clock(lambda: time() + self.seconds_ahead)

    async def move(self, seconds: float) -> None:
        """Set the machine's clock; over when the replica has heard Postgres' time again."""
        self.seconds_ahead += seconds
        await eventually(self._is_right, within=_HEARD_SECONDS)

    async def _is_right(self) -> bool:
        return abs(self.clock.timestamp() - time()) < _RIGHT_SECONDS


@asynccontextmanager
async def replica_with_wrong_clock(stores: Addresses, seconds: float) -> AsyncIterator[tuple[Caller, WrongClock]]:
    """Run the application that ships in this process, on a clock that is off by some seconds."""
    settings = settings_of(stores, registration="open", limits="off", audience="signet")
    wrong = WrongClock(seconds)
    envelope = create_app(settings, wrong.clock)

    async def is_started() -> bool:
        return envelope.lifecycle.is_started

    api = envelope.api
    transport = httpx.ASGITransport(envelope)
    async with (
        api.router.lifespan_context(api),
        httpx.AsyncClient(transport=transport, base_url="http://replica.example.test:8000") as client,
    ):
        await eventually(is_started, within=10)
        yield Caller(client), wrong
