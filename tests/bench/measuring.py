"""Measuring: CPU of a server per request, from the kernel's accounting."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from statistics import median

import orjson
import psutil

from loadtests.subject import AS_IN_THE_IMAGE
from service.limits.policies import Policies
from service.settings import Settings
from tests.kit.environment import Addresses, addresses
from tests.kit.metrics import read_metrics
from tests.kit.programs import ROOT, cold
from tests.kit.services import Service, running_service

CONNECTIONS = 64
# Limits count each request in Redis as they do in production, and are too far away to refuse any.
LIMITS_ON = {"SIGNET_LIMITS": "on", **{f"SIGNET_LIMIT_{each.name.upper()}": "1000000/d" for each in fields(Policies)}}
# What tests/kit/environment.py makes cheap for everybody else, or leaves out.
AS_SHIPPED = {
    **AS_IN_THE_IMAGE,
    **LIMITS_ON,
    **{
        f"SIGNET_{name.upper()}": str(Settings.model_fields[name].default)
        for name in ("argon2_memory_kib", "argon2_iterations")
    },
}
# One core for all of a bench: see decision 0016. The load on the other one is another measurement, not a better one.
SERVER_CORES, OTHER_CORES = {0}, {int(os.environ.get("BENCH_LOAD_CORE", "0"))}
# Before this process moves to one of them itself.
CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


@dataclass
class Subject:
    """A server, and the requests it is measured with. What its children use is its own.

    `kind` says what each connection sends: the same request `again` and again, each request of the list `once`, or a
    chain that `follow`s the refresh token of the last answer.
    """

    name: str
    pid: int
    port: int
    requests: list[str] = field(default_factory=list)
    # Makes requests anew for each round, where they can't be sent twice.
    renew: Callable[[], list[str]] | None = None
    kind: str = "again"
    connections: int = CONNECTIONS
    # Servers may have several processes that listen on the same port; these are the others.
    further: tuple[int, ...] = ()
    micros: list[float] = field(default_factory=list)
    # Of these, what all threads but the event loop's used: the hashes, and the sender of spans.
    micros_beside: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return median(self.micros)

    @property
    def spread(self) -> str:
        return f"{min(self.micros):.1f}..{max(self.micros):.1f}"


@contextmanager
def bench_stores() -> Iterator[tuple[Addresses, Path]]:
    """Run stores for a bench, on the cores this process is on by then; gives them and a folder for its logs."""
    with tempfile.TemporaryDirectory(prefix="signet-bench-") as name:
        folder = Path(name)
        # Servers that run as another user have to reach into it.
        folder.chmod(0o755)
        with addresses(folder / "stores", "bench") as stores:
            yield stores, folder


@asynccontextmanager
async def as_shipped(
    stores: Addresses, log: Path, settings: Mapping[str, str], module: str = "service"
) -> AsyncIterator[Service]:
    """Run a replica with everything on. A figure of refusals, or of limits that were not counted in Redis, is none."""
    async with running_service(stores, log, AS_SHIPPED | dict(settings), module, cold) as service:
        yield service
        reading = await read_metrics(service)
        assert reading.value("signet_limits_enabled") == 1, "limits were off"
        assert reading.value("signet_limits_charged_total", by="share") == 0, "limits were counted without Redis"
        refused = {labels: n for (name, labels), n in reading.samples.items() if name == "signet_limits_refused_total"}
        assert not any(refused.values()), f"limits refused somebody: {refused}"


def pin(pid: int, cores: set[int]) -> None:
    """Keep a process on these cores, where the machine has them and the kernel lets us."""
    if cores <= CORES:
        os.sched_setaffinity(pid, cores)


def pin_whole(pid: int, cores: set[int]) -> None:
    """Pin a process and its descendants, with the threads they have by now."""
    for thread in (thread for process in whole(pid) for thread in process.threads()):
        # One may have ended since.
        with suppress(ProcessLookupError):
            pin(thread.id, cores)


def pin_stores(stores: Addresses, cores: set[int]) -> None:
    """Keep stores on other cores from now on, where they are ours."""
    if stores.local is not None:
        pin_whole(stores.local.postgres.pid, cores)
        pin_whole(stores.local.valkey.pid, cores)


def pinned_worker(service: Service) -> int:
    """Keep the one worker of a service on the server's cores; gives its process."""
    worker = service.workers()[0].pid
    pin_whole(worker, SERVER_CORES)
    return worker


def measure(subject: Subject, seconds: float) -> None:
    """Load the subject for a while and note CPU microseconds (user and system) per request, by the kernel's account."""
    if subject.renew is not None:
        subject.requests = subject.renew()
    before, beside_before = _used(subject)
    answered = load(subject, seconds)
    after, beside_after = _used(subject)
    subject.micros.append((after - before) * 1e6 / answered)
    subject.micros_beside.append((beside_after - beside_before) * 1e6 / answered)


def whole(pid: int) -> list[psutil.Process]:
    """Give a process, its children, theirs and so on."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _used(subject: Subject) -> tuple[float, float]:
    """Give the CPU seconds of a server, and of these those of all threads but the first of each process."""
    processes = [process for pid in (subject.pid, *subject.further) for process in whole(pid)]
    # What a child has used that has ended is its parent's from then on: nothing is lost when workers come and go.
    spent = sum(sum(process.cpu_times()[:4]) for process in processes)
    threads = [(process.pid, thread) for process in processes for thread in process.threads()]
    return spent, sum(thread.user_time + thread.system_time for pid, thread in threads if thread.id != pid)


def load(subject: Subject, seconds: float) -> int:
    """Send requests from a process of its own; gives how many were answered, all of them well."""
    work = {
        "port": subject.port,
        "kind": subject.kind,
        "requests": subject.requests,
        "connections": subject.connections,
        "seconds": seconds,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"],
        input=orjson.dumps(work),
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=seconds + 20,
        preexec_fn=lambda: pin(0, OTHER_CORES),
    )
    tally = orjson.loads(done.stdout)
    assert not tally["refused"], f"{subject.name}: {tally['refused']} of {tally['answered']} were refused"
    assert not tally["lost"], f"{subject.name} hung up on {tally['lost']} connections"
    return int(tally["answered"])


def get(path: str, **headers: str) -> str:
    """Write a GET request."""
    return request("GET", path, "", headers)


def post(path: str, body: object, **headers: str) -> str:
    """Write a POST request with a JSON body."""
    text = json.dumps(body, separators=(",", ":"))
    announced = {"Content-Type": "application/json", "Content-Length": str(len(text))}
    return request("POST", path, text, announced | headers)


def request(method: str, path: str, body: str, headers: dict[str, str]) -> str:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: */*", "User-Agent: bench"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", body])
