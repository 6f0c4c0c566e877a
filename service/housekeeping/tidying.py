"""Deleting what is too old, a batch at a time, without a leader."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from service.housekeeping import records as housekeeping
from service.storage import Database
from service.telemetry.metrics import HousekeepingMetrics


@dataclass(frozen=True, slots=True)
class Tidying:
    """`kept` says for each table how old its rows may become."""

    database: Database
    kept: Mapping[str, timedelta]
    metrics: HousekeepingMetrics

    async def tidy(self) -> None:
        """Delete batch after batch until one comes back short; another replica at it is reason enough to stop."""
        while await self._batch() == housekeeping.BATCH:
            continue
        self.metrics.last_run.set_to_current_time()

    async def _batch(self) -> int:
        async with self.database.begin() as connection:
            if not await housekeeping.is_first(connection):
                return 0
            deleted = await housekeeping.delete_older(connection, self.kept)
        for table, count in deleted.items():
            self.metrics.deleted.labels(table).inc(count)
        return max(deleted.values())
