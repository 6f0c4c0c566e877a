"""Starts each peer in a process of its own, pinned to the server's core."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from os import environ
from time import monotonic

import httpx

from loadtests.subject import AS_IN_THE_IMAGE
from tests.bench.measuring import SERVER_CORES, Subject, get, pin_whole
from tests.kit.environment import Addresses
from tests.kit.programs import ROOT
from tests.kit.services import free_ports
from tests.kit.waiting import until

PEOPLE = 64


@contextmanager
def hello(name: str, module: str) -> Iterator[Subject]:
    """Run a peer that answers 17 bytes."""
    with _running(module, dict(environ)) as (pid, port):
        yield Subject(name, pid, port, [get("/")])


@contextmanager
def own_profile(name: str, module: str, stores: Addresses, collector_url: str) -> Iterator[Subject]:
    """Run a peer that answers profiles to the people it made itself."""
    settings = {**stores.environment(), "OTEL_EXPORTER_OTLP_ENDPOINT": collector_url}
    made = subprocess.run(
        [sys.executable, "-m", module, "people", str(PEOPLE)], env=settings, cwd=ROOT, capture_output=True, check=True
    )
    requests = [get("/users/me", Authorization=f"Bearer {token}") for token in json.loads(made.stdout)]
    with _running(module, settings) as (pid, port):
        yield Subject(name, pid, port, requests)


@contextmanager
def _running(module: str, settings: dict[str, str]) -> Iterator[tuple[int, int]]:
    (port,) = free_ports(1)
    # What the image gives Signet, everybody has.
    given = settings | AS_IN_THE_IMAGE
    with subprocess.Popen([sys.executable, "-m", module, str(port)], cwd=ROOT, env=given) as process:
        try:
            until(lambda: _answers(port), monotonic() + 20)
            pin_whole(process.pid, SERVER_CORES)
            yield process.pid, port
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/").status_code in {200, 404}
    except httpx.TransportError:
        return False
