"""A login storm beside readers: how much longer the slowest reads take, and how much of that any busy machine costs."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from time import monotonic

import psutil

from tests.bench.logins import AT_ONCE
from tests.bench.measuring import CORES, SERVER_CORES, as_shipped, get, pin, pin_stores, pinned_worker
from tests.kit.environment import Addresses
from tests.kit.people import new_person
from tests.kit.programs import ROOT
from tests.kit.services import Service

READS_PER_SECOND, SECONDS, READERS, ROUNDS = 200, 4.0, 32, 5
_UNTIL_THEY_ALL_WAIT = 0.7
MOST_BESIDE_IDLE, MOST_BESIDE_BUSY = 2.0, 1.5
SETTINGS = {
    # As many as the server has cores here.
    "SIGNET_HASH_THREADS": str(len(SERVER_CORES)),
    "SIGNET_HASH_WAIT": "2s",
    "SIGNET_DATABASE_TIMEOUT": "800ms",
    "SIGNET_DATABASE_WAIT": "300ms",
}


@dataclass(frozen=True)
class Storm:
    """p99 of GET /v1/users/me in seconds: alone, beside busy loops of lowest priority, beside logins.

    Each is the median of rounds in turn: what else the machine does for a while is in one round, not in the verdict.
    """

    idle: float
    beside_loops: float
    beside_logins: float
    statuses: Counter[int]

    @property
    def is_kept(self) -> bool:
        is_quick = self.beside_logins <= MOST_BESIDE_IDLE * self.idle
        is_heard = not {429, 500} & self.statuses.keys()
        return is_quick and is_heard and self.beside_logins <= MOST_BESIDE_BUSY * self.beside_loops

    def __str__(self) -> str:
        milliseconds = [seconds * 1000 for seconds in (self.idle, self.beside_loops, self.beside_logins)]
        figures = "p99 of GET /v1/users/me: {:.2f} ms idle, {:.2f} beside nice-19 loops, {:.2f} beside {} logins"
        ratios = f"x {self.beside_logins / self.idle:.2f} idle, x {self.beside_logins / self.beside_loops:.2f} loops"
        return f"{figures.format(*milliseconds, AT_ONCE)} ({ratios}); logins by status: {dict(self.statuses)}"


class Reader:
    """One keep-alive connection that asks when it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, request: bytes) -> None:
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()


async def p99_of_reads(port: int, request: bytes) -> float:
    """Ask at fixed instants, whatever became of the former answers; the wait for a connection counts."""
    idle: asyncio.Queue[Reader] = asyncio.Queue()
    readers = [Reader(*await asyncio.open_connection("127.0.0.1", port)) for _ in range(READERS)]
    for reader in readers:
        idle.put_nowait(reader)
    latencies: list[float] = []

    async def one(due_at: float) -> None:
        reader = await idle.get()
        await reader.ask(request)
        latencies.append(monotonic() - due_at)
        idle.put_nowait(reader)

    began = monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(int(READS_PER_SECOND * SECONDS)):
            due_at = began + number / READS_PER_SECOND
            await asyncio.sleep(max(0.0, due_at - monotonic()))
            group.create_task(one(due_at))
    for reader in readers:
        reader.close()
    return sorted(latencies)[int(len(latencies) * 0.99)]


async def storm(stores: Addresses, folder: Path) -> Storm:
    """Measure the three in one run against one worker on one core.

    Stores are wherever the kernel puts them: what is judged is how long reads wait for hashes, not for transactions of
    somebody who has to be on the same core.
    """
    pin_stores(stores, CORES)
    async with as_shipped(stores, folder / "storm.log", SETTINGS) as service:
        pinned_worker(service)
        reader = await new_person(service, "reader@example.com")
        # So many that nobody comes to have more sessions than may be.
        people = [await new_person(service, f"storm-{number}@example.com") for number in range(AT_ONCE)]
        token = (await reader.sign_in()).access_token
        await service.get("/v1/users/me", token=token)
        request = get("/v1/users/me", Authorization=f"Bearer {token}").encode()
        rounds, statuses = [], Counter[int]()
        for _ in range(ROUNDS):
            idle = await p99_of_reads(service.port, request)
            with busy_loops(psutil.cpu_count() or 1):
                beside_loops = await p99_of_reads(service.port, request)
            with logging_in(service, [person.email for person in people], statuses):
                await asyncio.sleep(_UNTIL_THEY_ALL_WAIT)
                beside_logins = await p99_of_reads(service.port, request)
            rounds.append((idle, beside_loops, beside_logins))
    idle, beside_loops, beside_logins = (median(column) for column in zip(*rounds, strict=True))
    return Storm(idle, beside_loops, beside_logins, statuses)


@contextmanager
def logging_in(service: Service, emails: list[str], statuses: Counter[int]) -> Iterator[None]:
    """Sign in for a little longer than reads are timed; the answers are counted when the block is over."""
    seconds = SECONDS + 2 * _UNTIL_THEY_ALL_WAIT
    command = [sys.executable, "-m", "tests.bench.logins", service.url, str(seconds), *emails]
    # People who sign in have computers of their own: theirs give way to the reader that shares a core with them.
    niced = partial(os.nice, 19)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=niced) as logins:  # noqa: PLW1509
        yield
        printed, _ = logins.communicate()
    statuses.update({int(status): count for status, count in json.loads(printed).items()})


@contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """Keep the server's core as busy as its own hashes would, from outside and at the lowest priority."""

    def prepare() -> None:
        os.nice(19)
        pin(0, SERVER_CORES)

    command = [sys.executable, "-c", "while True: pass"]
    loops = [subprocess.Popen(command, preexec_fn=prepare) for _ in range(count)]  # noqa: PLW1509 - no thread runs here
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
