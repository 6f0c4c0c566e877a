"""A database that answers later: a TCP proxy in a thread of its own, so that it runs while everything else waits."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from local.faults import FaultProxy


class SlowDatabase:
    """Stands in front of the database at `url`; `through` is the address the service is given."""

    def __init__(self, url: str) -> None:
        self._proxy = FaultProxy(url)
        self._loop = asyncio.new_event_loop()

    @property
    def through(self) -> str:
        return self._proxy.through

    def slow(self, seconds: float) -> None:
        """Deliver each answer so much later; 0 ends it."""
        self._loop.call_soon_threadsafe(self._proxy.slow, seconds)

    @contextmanager
    def running(self) -> Iterator["SlowDatabase"]:
        thread = threading.Thread(target=self._loop.run_forever, name="slow database")
        thread.start()
        try:
            self._run(self._proxy.open())
            yield self
        finally:
            self._run(self._proxy.close())
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)
