"""python -m tests.bench.growth: whether a request costs more among a million users than among a thousand.

CPU of the service and of Postgres together, in interleaved rounds against databases of each size on one server.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median

import psutil

from loadtests import people, seeding
from loadtests.purse import Purse
from tests.bench import page
from tests.bench.measuring import (
    OTHER_CORES,
    Subject,
    as_shipped,
    bench_stores,
    get,
    load,
    pin,
    pinned_worker,
    post,
)
from tests.kit.environment import SECRET, Addresses
from tests.kit.parts import settings_of

SIZES = (1_000, 100_000, 1_000_000)
ROUNDS, SECONDS, ASKED, CHAINS, LIMIT = 5, 2.0, 256, 32, 1.2
SETTINGS = {
    # Each read asks Postgres, each refresh rotates, each sign-in finds room.
    "SIGNET_NEAR_ENTRIES": "0",
    "SIGNET_CACHE_TTL": "0",
    "SIGNET_REFRESH_GRACE": "0",
    "SIGNET_SESSION_LIMIT": "1000000",
    "SIGNET_HASH_THREADS": "1",
    "SIGNET_HASH_WAIT": "30s",
}


@dataclass
class Town:
    """A service among so many users, and what is asked of it."""

    size: int
    postmaster: psutil.Process
    subjects: dict[str, Subject]
    micros: dict[str, list[float]] = field(default_factory=dict)

    def measure(self, name: str) -> None:
        subject = self.subjects[name]
        if subject.renew is not None:
            subject.requests = subject.renew()
        worker = psutil.Process(subject.pid)
        before = _seconds(worker), self._postgres()
        answered = load(subject, SECONDS)
        used = _seconds(worker) - before[0] + self._postgres() - before[1]
        self.micros.setdefault(name, []).append(used * 1e6 / answered)

    def _postgres(self) -> float:
        return sum(_seconds(process) for process in [self.postmaster, *self.postmaster.children()])


def main() -> int:
    pin(0, OTHER_CORES)
    with bench_stores() as (stores, folder):
        towns = asyncio.run(compare(stores, folder))
    names = list(towns[0].subjects)
    ratios = {name: median(towns[-1].micros[name]) / median(towns[0].micros[name]) for name in names}
    table = _table(towns, ratios)
    print(table)
    page.write("growth", "What a request costs among more users", table)
    return int(max(ratios.values()) > LIMIT)


async def compare(stores: Addresses, folder: Path) -> list[Town]:
    """Seed databases of each size, then measure them in turn."""
    async with AsyncExitStack() as stack:
        towns = [await stack.enter_async_context(town(stores, folder, size)) for size in SIZES]
        for _ in range(ROUNDS):
            for name in towns[0].subjects:
                for each in towns:
                    each.measure(name)
    return towns


@asynccontextmanager
async def town(stores: Addresses, folder: Path, size: int) -> AsyncIterator[Town]:
    """Make a database with so many users, each with a session, and run a service on it."""
    own = stores.with_database(f"signet_bench_{size}")
    await stores.administer(f"CREATE DATABASE signet_bench_{size} OWNER {stores.owner}")
    await asyncio.to_thread(own.migrate)
    settings = settings_of(own)
    async with as_shipped(own, folder / f"{size}.log", SETTINGS) as service:
        began_ms = seeding.now_ms()
        async with seeding.connected(settings) as connection:
            await seeding.seed(connection, settings, size, seeding.Bar(f"Seeding {size:,} people"))
            await seeding.open_sessions(connection, size, 1, began_ms)
            admin = people.person_id(0)
            await connection.execute("INSERT INTO user_roles (role, user_id) VALUES ('admin', $1)", admin)
            await connection.execute("VACUUM ANALYZE")
            purse = Purse(await seeding.find_issuing(connection, settings), [SECRET], began_ms)
            answer = await service.post("/v1/sessions", json={"email": people.email(0), "password": people.PASSWORD})
            admin_token = answer.json()["access_token"]
            backend = await connection.fetchval("SELECT pg_backend_pid()")
            postmaster = psutil.Process(backend).parent()
        assert postmaster is not None
        worker, port = pinned_worker(service), service.port
        subjects = {
            name: Subject(name, worker, port, requests) for name, requests in _asked(purse, size, admin_token).items()
        }
        subjects["refresh"] = Subject("refresh", worker, port, kind="follow", connections=CHAINS)
        subjects["refresh"].renew = _Chains(purse, size).begin
        yield Town(size, postmaster, subjects)


class _Chains:
    """Chains of refreshes; each begins with a session that nobody has refreshed."""

    def __init__(self, purse: Purse, size: int) -> None:
        self._purse = purse
        self._numbers = (_spread(number, size) for number in count())

    def begin(self) -> list[str]:
        return [
            post("/v1/sessions/refresh", {"refresh_token": self._purse.refresh_token(next(self._numbers))})
            for _ in range(CHAINS)
        ]


def _asked(purse: Purse, size: int, admin_token: str) -> dict[str, list[str]]:
    asked = [_spread(number, size) for number in range(ASKED)]
    admin = f"Bearer {admin_token}"
    return {
        "me, uncached": [get("/v1/users/me", Authorization=f"Bearer {purse.access_token(n)}") for n in asked],
        "login": [post("/v1/sessions", {"email": people.email(n), "password": people.PASSWORD}) for n in asked],
        "list, first page": [get("/v1/users", Authorization=admin)],
        "list, found by prefix": [get(f"/v1/users?search={people.email(n)}", Authorization=admin) for n in asked],
    }


def _spread(number: int, size: int) -> int:
    """Choose people all over the table, never the same one twice before all had their turn."""
    return 1 + (number * 617) % (size - 1)


def _seconds(process: psutil.Process) -> float:
    try:
        used = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return used.user + used.system


def _table(towns: list[Town], ratios: dict[str, float]) -> str:
    head = " | ".join(f"{each.size:,} users" for each in towns)
    rows = [
        f"| {name} | {' | '.join(f'{median(each.micros[name]):.0f} µs' for each in towns)} | {ratio:.2f} |"
        for name, ratio in ratios.items()
    ]
    how = (
        f"CPU of the worker and of Postgres for a request, median of {ROUNDS} interleaved rounds of {SECONDS:.0f} s.\n"
        "Everybody has a session, and each read asks Postgres. The last column is the largest size by the smallest,\n"
        f"at most {LIMIT:g}."
    )
    return "\n".join([how, "", f"| | {head} | ratio |", f"|---|{'--:|' * (len(towns) + 1)}", *rows])


if __name__ == "__main__":
    sys.exit(main())
