"""BENCH_PEERS: what is measured of another server, and what is refused."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from time import monotonic

import httpx
import psutil
import pytest

from tests.bench.measuring import CORES, SERVER_CORES, Subject, load, measure
from tests.bench.peers.named import named_peers
from tests.bench.preforking import ANSWER_SECONDS
from tests.kit.programs import ROOT
from tests.kit.services import free_ports
from tests.kit.waiting import until

SECONDS = 0.3


@pytest.fixture(scope="module")
def peer() -> Iterator[int]:
    """Run a server of two processes; gives its port."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "tests.bench.preforking", str(port)]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True) as master:
        try:
            until(lambda: _answers(port), monotonic() + 20)
            yield port
        finally:
            os.killpg(master.pid, signal.SIGKILL)


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", trust_env=False).is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def name(monkeypatch: pytest.MonkeyPatch, peer: int) -> "Naming":
    return Naming(monkeypatch, peer)


class Naming:
    """Names peers as somebody at a shell would; `PORT` is the server's."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, port: int) -> None:
        self._monkeypatch, self._port = monkeypatch, port

    def __call__(self, peers: str, **tokens: str) -> None:
        self._monkeypatch.setenv("BENCH_PEERS", peers.replace("PORT", str(self._port)))
        for variable, token in tokens.items():
            self._monkeypatch.setenv(variable, token)


def _calm(subject: Subject) -> Subject:
    return replace(subject, connections=1)


def test_the_workers_of_a_server_are_measured_with_its_idle_master(name: Naming) -> None:
    name("other-one=http://localhost:PORT/me?fields=all,bearer", BENCH_TOKEN_OTHER_ONE="sesame")

    with named_peers() as (found,):
        subject = _calm(found)
        measure(subject, SECONDS)

    assert [child.pid for child in psutil.Process(subject.pid).children()] != []
    assert subject.median >= ANSWER_SECONDS * 1e6 / 2


@pytest.mark.skipif(not CORES >= SERVER_CORES, reason="this system does not let processes be kept on a core")
def test_a_peer_is_kept_on_the_servers_core_and_let_go_afterwards(name: Naming) -> None:
    name("other=http://127.0.0.1:PORT/,get")

    with named_peers() as (subject,):
        (worker,) = psutil.Process(subject.pid).children()
        kept = os.sched_getaffinity(subject.pid), os.sched_getaffinity(worker.pid)

    assert kept == (SERVER_CORES, SERVER_CORES)
    assert (os.sched_getaffinity(subject.pid), os.sched_getaffinity(worker.pid)) == (CORES, CORES)


def test_a_figure_of_refusals_is_none(name: Naming) -> None:
    name("other=http://127.0.0.1:PORT/,get")

    with named_peers() as (found,):
        subject = _calm(found)
        assert load(subject, SECONDS) > 0
        subject.requests = [subject.requests[0].replace("GET / ", "GET /me ")]
        with pytest.raises(AssertionError, match="were refused"):
            load(subject, SECONDS)


@pytest.mark.parametrize(
    ("peers", "why"),
    [
        ("other", "wants a URL such as .* one of get, bearer"),
        ("other=http://127.0.0.1:PORT/,basic", "wants a URL such as .* one of get, bearer"),
        ("other=https://127.0.0.1:PORT/,get", "wants plain http and a port"),
        ("other=http://127.0.0.1/,get", "wants plain http and a port"),
        ("other=http://127.0.0.1:http/,get", "has no such URL as"),
        ("other=http://elsewhere.example:PORT/,get", r"is on elsewhere\.example: only what listens on"),
        ("other=http://127.0.0.1:9/,get", "does not answer at"),
        ("other=http://127.0.0.1:PORT/me,get", "answers 401 at"),
        ("other=http://127.0.0.1:PORT/me,bearer", "is asked with a token: put it into BENCH_TOKEN_OTHER"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(name: Naming, peers: str, why: str) -> None:
    name(peers)

    with pytest.raises(SystemExit, match=f"^BENCH_PEERS: 'other' {why}.*$") as refused, named_peers():
        pass

    assert "\n" not in str(refused.value)
