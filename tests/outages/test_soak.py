"""A day in a minute, or in ten: everybody uses everything while a store fails every twenty seconds."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from statistics import linear_regression
from time import monotonic

import httpx
import psutil
import pytest

from service.settings import Settings
from tests.kit.metrics import read_metrics
from tests.kit.people import Person, SignedIn, new_person
from tests.kit.services import Service, running_pair
from tests.kit.waiting import eventually
from tests.outages.behind import Behind, connections, reaches_both_stores, rename, sign_in
from tests.outages.soaking import Ledger, Regular
from tests.outages.ways import (
    SLOW_POSTGRES_SECONDS,
    SLOW_REDIS_SECONDS,
    Away,
    cut,
    flushed,
    frozen,
    full,
    killed,
    out_of_memory,
    read_only_postgres,
    refusing,
    reset,
    restarted,
    rewound,
    silent,
    slow,
)

# On a worker of its own beside the other outages: it mostly waits.
pytestmark = pytest.mark.xdist_group("soak")
PEOPLE = 8
FAULT_EVERY, FAULT_LASTS = 20.0, 5.0
CALM_WITHIN = 20.0
LOOK_EVERY = 1.0
# From here on memory is judged; what fills up at first, caches and pools, has filled up in half of it.
LONG = 600.0
MOST_GROWTH_PER_MINUTE = 1_000_000
MOST_TASKS, SPARE_FILES = 10, 50
SOON_FULL = {"SIGNET_ACCESS_TTL": "1min", "SIGNET_TOKEN_MEMO": "100"}
CONNECTIONS = Settings.model_fields["database_pool"].default + 1
NOTHING_IN_USE = ("signet_database_pool_in_use", "signet_database_pool_waiting", "signet_hash_queue_depth")
FAULTS: tuple[tuple[str, Away], ...] = (
    ("redis", killed),
    ("postgres", silent),
    ("postgres", killed),
    ("redis", rewound),
    ("postgres", restarted),
    ("redis", silent),
    ("redis", partial(slow, seconds=SLOW_REDIS_SECONDS)),
    ("postgres", cut),
    ("redis", flushed),
    ("postgres", full),
    ("redis", out_of_memory),
    ("postgres", frozen),
    ("redis", restarted),
    ("postgres", read_only_postgres),
    ("redis", reset),
    ("postgres", partial(slow, seconds=SLOW_POSTGRES_SECONDS)),
    ("redis", refusing),
    ("postgres", refusing),
)


@pytest.fixture(scope="module")
async def replicas(behind: Behind, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Service, Service]]:
    """Two processes whose memory fills up within minutes with all that it may hold."""
    logs, settings = tmp_path_factory.mktemp("logs"), {**behind.settings, **SOON_FULL}
    async with running_pair(behind.stores, logs, settings) as pair:
        yield pair


@dataclass(frozen=True)
class Held:
    """What a replica holds when nothing is asked of it."""

    tasks: float
    files: float
    in_use: tuple[float, ...]

    def is_no_more_than(self, before: "Held") -> bool:
        return (
            self.tasks <= before.tasks + MOST_TASKS
            and self.files <= before.files + SPARE_FILES
            and not any(self.in_use)
        )


@pytest.mark.parametrize(
    "seconds",
    [
        pytest.param(60.0, id="a-minute"),
        pytest.param(LONG, id="ten-minutes", marks=[pytest.mark.prove, pytest.mark.timeout(LONG + 300)]),
    ],
)
async def test_what_was_acknowledged_is_there_and_nothing_is_left_behind(
    replicas: tuple[Service, Service], behind: Behind, seconds: float
) -> None:
    ledger = Ledger()
    before = [await _held(replica) for replica in replicas]

    async with _everybody(replicas, ledger), _weighed(replicas) as weights:
        recoveries = await _fail_now_and_then(behind, replicas, seconds)

    for replica, held in zip(replicas, before, strict=True):
        assert (await _held_in_the_end(replica, held)).is_no_more_than(held)
        assert _unexpected(replica) == []
    assert await ledger.contradictions(behind.postgres.server.url) == {}
    assert ledger.statuses.keys() <= {200, 201, 204, 503}
    assert await connections(behind) <= len(replicas) * CONNECTIONS
    growth = [_bytes_per_minute(those) for those in weights.values()]
    print(f"\n{dict(ledger.statuses)}; back after {max(recoveries):.2f} s at most")
    print(f"bytes per minute in the second half: {[f'{rate:+,.0f}' for rate in growth]}")
    if seconds >= LONG:
        assert max(growth) <= MOST_GROWTH_PER_MINUTE


async def _fail_now_and_then(behind: Behind, replicas: tuple[Service, ...], seconds: float) -> list[float]:
    """Let one store after the other fail in every way; gives after how many seconds replicas worked again."""
    recoveries: list[float] = []
    person = await new_person(replicas[0], "onlooker@example.com")
    for name, way in islice(cycle(FAULTS), int(seconds / FAULT_EVERY)):
        began, session = monotonic(), await _let_in(person)
        async with way(getattr(behind, name)):
            await asyncio.sleep(FAULT_LASTS)
        recoveries += [await eventually(_writes, replica, session, within=CALM_WITHIN) for replica in replicas]
        await asyncio.sleep(max(0.0, began + FAULT_EVERY - monotonic()))
    return recoveries


async def _let_in(person: Person) -> SignedIn:
    """Sign in, again and again: on a crowded machine a deadline may be missed at any time, and then it is a 503."""
    answers: list[httpx.Response] = []

    async def is_let_in() -> bool:
        answers.append(await sign_in(person.service, person))
        assert answers[-1].status_code in {201, 503}, answers[-1].text
        return answers[-1].status_code == 201

    await eventually(is_let_in, within=CALM_WITHIN)
    return SignedIn.of(answers[-1])


async def _writes(replica: Service, session: SignedIn) -> bool:
    answer = await rename(replica, session, f"seen at {monotonic()}")
    assert answer.status_code in {200, 503}, answer.text
    return answer.status_code == 200


@asynccontextmanager
async def _everybody(replicas: tuple[Service, ...], ledger: Ledger) -> AsyncIterator[None]:
    """Let people come and go; whatever one of them did not expect ends it all."""
    stopped = asyncio.Event()
    people = [
        Regular(replicas, ledger, f"regular-{number}@example.com", random.Random(number)) for number in range(PEOPLE)
    ]
    async with asyncio.TaskGroup() as group:
        for person in people:
            group.create_task(person.live(stopped))
        yield
        stopped.set()


@asynccontextmanager
async def _weighed(replicas: tuple[Service, ...]) -> AsyncIterator[dict[str, list[tuple[float, float]]]]:
    """Note now and then how much memory the worker of each replica takes, and when."""
    weights: dict[str, list[tuple[float, float]]] = {replica.url: [] for replica in replicas}

    async def weigh() -> None:
        workers = {replica.url: psutil.Process(replica.process.pid).children()[0] for replica in replicas}
        while True:
            for url, worker in workers.items():
                weights[url].append((monotonic(), worker.memory_info().rss))
            await asyncio.sleep(LOOK_EVERY)

    weighing = asyncio.ensure_future(weigh())
    try:
        yield weights
    finally:
        weighing.cancel()


def _bytes_per_minute(weights: list[tuple[float, float]]) -> float:
    """Fit a line through the second half."""
    instants, sizes = zip(*weights[len(weights) // 2 :], strict=True)
    return 60 * linear_regression(instants, sizes).slope


async def _held_in_the_end(replica: Service, before: Held) -> Held:
    held = before

    async def is_calm() -> bool:
        nonlocal held
        held = await _held(replica)
        return held.is_no_more_than(before) and await reaches_both_stores(replica)

    with suppress(AssertionError):
        await eventually(is_calm, within=CALM_WITHIN)
    return held


async def _held(replica: Service) -> Held:
    reading = await read_metrics(replica)
    in_use = tuple(reading.value(name) for name in NOTHING_IN_USE)
    return Held(reading.value("signet_asyncio_tasks"), reading.value("process_open_fds"), in_use)


def _unexpected(replica: Service) -> list[str]:
    """Lines of the log about what nobody had thought of."""
    lines = [json.loads(line) for line in replica.log_lines() if line.startswith("{")]
    return [line["message"] for line in lines if line["level"] in {"error", "critical"}]
