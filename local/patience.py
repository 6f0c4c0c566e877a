"""Waiting with a deadline, which a requested stop ends."""

import signal
import time
from collections.abc import Callable
from types import FrameType

from local.refusals import StopRequested

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PAUSE = 0.01


class Patience:
    """Waits for conditions. Until it is told to heed signals, nothing but a deadline ends a wait."""

    def __init__(self) -> None:
        self.stop_requested = False
        self._is_said = False

    def heed_signals(self) -> None:
        """Take a signal as a request to stop, which the wait under way or the next one raises, once."""
        for number in STOPS:
            signal.signal(number, self._note)

    def until(self, condition: Callable[[], bool], *, within: float, pause: float = PAUSE) -> bool:
        """Wait until the condition holds; False when it does not within so many seconds."""
        deadline = time.monotonic() + within
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)
        return True

    def check(self) -> None:
        """Raise StopRequested the first time it is called after a request; the waits of the stopping itself run on."""
        if self.stop_requested and not self._is_said:
            self._is_said = True
            raise StopRequested

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.stop_requested = True
