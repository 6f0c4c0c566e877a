"""What time it is: the machine's clock, corrected by its offset to Postgres."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def steady() -> Callable[[], float]:
    """Give the machine's time as it goes on from now, whatever its clock is set to meanwhile."""
    began = time.time() - time.monotonic()
    return lambda: began + time.monotonic()


class Clock:
    """Wall-clock time in UTC; `offset` is what must be added to the machine's clock to get Postgres' time."""

    def __init__(self, source: Callable[[], float] | None = None) -> None:
        self._machine = source or time.time
        self._source = source or steady()
        self._machine_offset = 0.0
        self._offset = 0.0

    def timestamp(self) -> float:
        """Seconds since the epoch, as Postgres would say them."""
        return self._source() + self._offset

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.timestamp(), UTC)

    @property
    def offset(self) -> timedelta:
        return timedelta(seconds=self._machine_offset)

    def correct(self, database_time: datetime) -> None:
        """Follow the database's clock: `database_time` is what it said just now."""
        self._machine_offset = database_time.timestamp() - self._machine()
        self._offset = database_time.timestamp() - self._source()


class Pulse:
    """When something that recurs happened last, by a clock that never goes back."""

    def __init__(self, late_after_seconds: float) -> None:
        self._late_after = late_after_seconds
        self._last = float("-inf")

    def beat(self) -> None:
        self._last = time.monotonic()

    @property
    def age(self) -> float:
        """Seconds since it happened last; infinite when it never did."""
        return time.monotonic() - self._last

    @property
    def is_late(self) -> bool:
        return time.monotonic() - self._last > self._late_after
