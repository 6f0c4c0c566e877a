"""Measuring from outside: scrapes of every replica, connections in Postgres, statements."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import psutil
from asyncpg.exceptions import InterfaceError, InternalClientError, PostgresError

from loadtests.asking import Place, fetch
from loadtests.evidence import Moment, Threads
from loadtests.exposition import Reading, Unreadable

_SCRAPE_SECONDS, _LOOK_SECONDS = 2.0, 0.2
# The last is what asyncpg says of a connection that broke in the middle of a word.
_AWAY = (OSError, PostgresError, InterfaceError, InternalClientError)
_CONNECTIONS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'signet' AND backend_type = 'client backend'
"""
_STATEMENTS = """
    SELECT query, sum(calls)::bigint AS calls, sum(total_exec_time)::float8 AS milliseconds, sum(rows)::bigint AS rows
    FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    GROUP BY query
"""
_MOST_STATEMENTS = 20


@dataclass
class Measuring:
    """Looks at everything again and again until it is cancelled; scrapes are parsed when the run is over."""

    metrics: tuple[Place, ...]
    database_url: str
    workers: tuple[int, ...] = ()
    begins_at: float = 0.0
    looks: list[tuple[float, list[str | None]]] = field(default_factory=list)
    connections: list[tuple[float, int]] = field(default_factory=list)
    threads: list[Threads] = field(default_factory=list)

    @property
    def now(self) -> float:
        return time.time() - self.begins_at

    async def scrape(self) -> None:
        """Look at every replica once."""
        second = self.now if self.begins_at else float("-inf")
        texts = await asyncio.gather(*(asyncio.to_thread(fetch, place, "/metrics") for place in self.metrics))
        self.looks.append((second, list(texts)))
        if self.workers:
            self.threads.append(_look_at_threads(second, self.workers))

    async def watch_replicas(self, boundaries: list[float]) -> None:
        """Scrape at each boundary of phases, and between them."""
        due = sorted({*boundaries, *_grid(boundaries[-1])})
        for second in due:
            await asyncio.sleep(max(0.0, second - self.now))
            await self.scrape()

    async def watch_connections(self) -> None:
        """Count the service's connections, also across a time without Postgres."""
        while True:
            with suppress(*_AWAY):
                await self._watch_connections()
            await asyncio.sleep(_LOOK_SECONDS)

    async def statements(self) -> dict[str, dict[str, Any]]:
        """Read what pg_stat_statements has counted so far, by statement; nothing where it can't be had."""
        return {row["query"]: dict(row) for row in await self._run(_STATEMENTS) or []}

    def moments(self) -> list[Moment]:
        """Parse what was seen, in order of time."""
        return [Moment(second, [_read(text) for text in texts]) for second, texts in self.looks]

    async def _watch_connections(self) -> None:
        connection = await asyncpg.connect(self.database_url, timeout=2)
        try:
            while True:
                self.connections.append((self.now, int(await connection.fetchval(_CONNECTIONS, timeout=2))))
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            with suppress(Exception):
                await connection.close(timeout=1)

    async def _run(self, query: str) -> list[asyncpg.Record] | None:
        with suppress(*_AWAY):
            connection = await asyncpg.connect(self.database_url, timeout=5)
            try:
                return list(await connection.fetch(query, timeout=5))
            finally:
                await connection.close()
        return None


def _look_at_threads(second: float, workers: tuple[int, ...]) -> Threads:
    loops = others = 0.0
    for pid in workers:
        with suppress(psutil.Error):
            for thread in psutil.Process(pid).threads():
                used = thread.user_time + thread.system_time
                loops += used if thread.id == pid else 0.0
                others += used if thread.id != pid else 0.0
    return Threads(second, loops, others)


def _grid(end: float) -> list[float]:
    return [index * _SCRAPE_SECONDS for index in range(int(end / _SCRAPE_SECONDS) + 1)]


def costliest(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the statements that took most of Postgres' time between two looks: what others do there is among them."""
    gained = []
    for query, late in after.items():
        early = before.get(query, {})
        counts = {name: late[name] - early.get(name, 0) for name in ("calls", "milliseconds", "rows")}
        if counts["calls"] > 0:
            gained.append({"query": query, **counts})
    return sorted(gained, key=lambda each: -each["milliseconds"])[:_MOST_STATEMENTS]


def _read(text: str | None) -> Reading | None:
    if text is None:
        return None
    try:
        return Reading.of(text)
    except Unreadable:
        return None
