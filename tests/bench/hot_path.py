"""The hot path: warm GET /v1/users/me and /v1/verify against a bare FastAPI route, everything on."""

import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from time import monotonic

import httpx
import psutil

from tests.bench.collector import collector
from tests.bench.measuring import HASH_AS_SHIPPED, OTHER_CORES, SERVER_CORES, Subject, get, measure, pin
from tests.kit.environment import Addresses
from tests.kit.people import new_person
from tests.kit.programs import ROOT, cold
from tests.kit.services import Service, free_ports, running_service
from tests.kit.waiting import until

ROUNDS, SECONDS, PEOPLE = 5, 4.0, 64
LIMIT = 0.70


@contextmanager
def bare_fastapi() -> Iterator[Subject]:
    """Run the yardstick on a port of its own."""
    (port,) = free_ports(1)
    with subprocess.Popen([sys.executable, "-m", "tests.bench.bare", str(port)], cwd=ROOT) as process:
        try:
            until(lambda: _answers(port), monotonic() + 10)
            pin(process.pid, SERVER_CORES)
            yield Subject("bare FastAPI, response_model", process.pid, port, [get("/")])
        finally:
            process.terminate()


@asynccontextmanager
async def signet(stores: Addresses, folder: Path) -> AsyncIterator[list[Subject]]:
    """Run the service with metrics, log line and tracing at 1 %, its caches warm for some people."""
    taking = collector()
    threading.Thread(target=taking.serve_forever, daemon=True).start()
    settings = HASH_AS_SHIPPED | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{taking.server_port}",
        "OTEL_TRACES_SAMPLER_ARG": "0.01",
    }
    async with running_service(stores, folder / "bench.log", settings, start=cold) as service:
        worker = psutil.Process(service.process.pid).children()[0].pid
        pin(worker, SERVER_CORES)
        port = int(service.url.rsplit(":", 1)[1])
        tokens = await _warm_tokens(service)
        bearers = [f"Bearer {token}" for token in tokens]
        yield [
            Subject(f"GET {path}, warm", worker, port, [get(path, Authorization=bearer) for bearer in bearers])
            for path in ("/v1/users/me", "/v1/verify")
        ]
    taking.shutdown()


async def compare(stores: Addresses, folder: Path) -> list[Subject]:
    """Measure in interleaved rounds; the first subject is the yardstick."""
    pin(0, OTHER_CORES)
    with bare_fastapi() as bare:
        async with signet(stores, folder) as ours:
            subjects = [bare, *ours]
            for _ in range(ROUNDS):
                for subject in subjects:
                    measure(subject, SECONDS)
    return subjects


async def _warm_tokens(service: Service) -> list[str]:
    tokens = []
    for number in range(PEOPLE):
        person = await new_person(service, f"person{number}@example.com")
        token = (await person.sign_in()).access_token
        for path in ("/v1/users/me", "/v1/verify"):
            assert (await service.get(path, token=token)).status_code == 200
        tokens.append(token)
    return tokens


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/").status_code == 200
    except httpx.TransportError:
        return False
