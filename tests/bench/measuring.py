"""Measuring: CPU of a server's process per request, from the kernel's accounting."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import orjson
import psutil

from service.settings import Settings
from tests.kit.environment import Addresses, addresses
from tests.kit.programs import ROOT
from tests.kit.services import Service

CONNECTIONS = 64
# What tests/kit/environment.py makes cheap for everybody else.
HASH_AS_SHIPPED = {
    f"SIGNET_{name.upper()}": str(Settings.model_fields[name].default)
    for name in ("argon2_memory_kib", "argon2_iterations")
}
# One core for all of a bench: see decision 0016. The load on the other one is another measurement, not a better one.
SERVER_CORES, OTHER_CORES = {0}, {int(os.environ.get("BENCH_LOAD_CORE", "0"))}
# Before this process moves to one of them itself.
CORES = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


@dataclass
class Subject:
    """A server process, and the requests it is measured with.

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
    """Run stores for a bench; gives them and a folder for its logs."""
    with tempfile.TemporaryDirectory(prefix="signet-bench-") as name:
        folder = Path(name)
        # Servers that run as another user have to reach into it.
        folder.chmod(0o755)
        with addresses(folder / "stores", "bench") as stores:
            yield stores, folder


def pin(pid: int, cores: set[int]) -> None:
    """Keep a process on these cores, where the machine has them and the kernel lets us."""
    if cores <= CORES:
        os.sched_setaffinity(pid, cores)


def pin_whole(pid: int, cores: set[int]) -> None:
    """Pin a process with the threads it has by now."""
    for thread in psutil.Process(pid).threads():
        pin(thread.id, cores)


def pinned_worker(service: Service) -> int:
    """Keep the one worker of a service on the server's cores; gives its process."""
    worker = service.workers()[0].pid
    pin_whole(worker, SERVER_CORES)
    return worker


def measure(subject: Subject, seconds: float) -> None:
    """Load the subject for a while and note CPU microseconds (user and system) per request, by the kernel's account."""
    if subject.renew is not None:
        subject.requests = subject.renew()
    before, beside_before = _used(subject.pid)
    answered = load(subject, seconds)
    after, beside_after = _used(subject.pid)
    subject.micros.append((after - before) * 1e6 / answered)
    subject.micros_beside.append((beside_after - beside_before) * 1e6 / answered)


def _used(pid: int) -> tuple[float, float]:
    """Give the CPU seconds of a process, and of these those of all threads but its first."""
    process = psutil.Process(pid)
    spent = process.cpu_times()
    beside = [thread.user_time + thread.system_time for thread in process.threads() if thread.id != pid]
    return spent.user + spent.system, sum(beside)


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
