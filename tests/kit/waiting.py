"""Waiting for a condition with a deadline; nothing here sleeps for a fixed time and hopes."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from time import monotonic

_PAUSE_SECONDS = 0.01


def until(condition: Callable[[], bool], deadline: float) -> None:
    """Ask again until it holds; fail at the deadline (of `monotonic`)."""
    pause = threading.Event()
    while not condition():
        assert monotonic() < deadline, f"{condition} did not come to hold"
        pause.wait(0.05)


async def eventually(
    condition: Callable[..., Awaitable[bool]],
    *arguments: object,
    within: float,
) -> float:
    """Ask again until it holds; gives the seconds it took, fails after `within`, which is a promise of the product."""
    began = monotonic()
    while not await condition(*arguments):
        assert monotonic() - began < within, f"{condition} did not come to hold within {within} s"
        await asyncio.sleep(_PAUSE_SECONDS)
    return monotonic() - began
