"""A program that is killed leaves nothing behind that runs, and nothing that disturbs the next one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local import processes
from local.children import ROOT
from local.stores import running
from tests.local.clients import ask, eventually

PROGRAM = """
import signal, sys
from pathlib import Path
from local.stores import running
# Whoever runs the tests in the background has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
with running(Path(sys.argv[1]), durable=True):
    print("running", flush=True)
    signal.pause()
"""


@contextmanager
def program(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another program that runs the stores of a folder."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as another:
        assert another.stdout is not None
        assert another.stdout.readline() == "running\n"
        try:
            yield another
        finally:
            another.kill()


def alive_in(folder: Path) -> list[str]:
    """List the command lines of the program, the servers and their keepers."""
    homes = str(folder), str((folder / "postgres").resolve())
    return [line for line in processes.command_lines().values() if any(home in line for home in homes)]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_its_servers_end_with_it(folder: Path, number: signal.Signals) -> None:
    with program(folder) as another:
        assert len(alive_in(folder)) == 5  # itself, and two servers with their keepers
        another.send_signal(number)
        another.wait(timeout=30)

    eventually(lambda: not alive_in(folder), within=10)


def test_the_next_one_may_come_at_once_and_finds_everything(folder: Path) -> None:
    with program(folder) as another:
        url = "postgresql://signet:{}@127.0.0.1:{}/signet".format(
            (folder / "postgres-password").read_text().strip(), (folder / "postgres.port").read_text().strip()
        )
        ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
        another.kill()

        with running(folder, durable=True) as stores:
            assert ask(stores.postgres.url, "SELECT answer FROM kept") == 42


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has gone")
def test_servers_whose_keepers_were_killed_too_end_as_well(folder: Path) -> None:
    with program(folder) as another:
        processes.send([*keepers_of(another.pid), another.pid], signal.SIGKILL)

        eventually(lambda: not alive_in(folder), within=10)
        with running(folder, durable=True) as stores:
            assert ask(stores.postgres.url, "SELECT 1") == 1


def test_servers_that_survived_even_that_are_ended_by_the_next_one(folder: Path) -> None:
    with program(folder) as another:
        # A frozen server hears nothing, also not that its keeper has gone.
        keepers = keepers_of(another.pid)
        servers = [child for keeper in keepers for child in processes.descendants(keeper)]
        processes.send(servers, signal.SIGSTOP)
        processes.send([*keepers, another.pid], signal.SIGKILL)

        try:
            with running(folder, durable=True) as stores:
                assert ask(stores.postgres.url, "SELECT 1") == 1
                assert not any(processes.is_alive(server) for server in servers)
        finally:
            processes.send(servers, signal.SIGKILL)


def test_a_lock_file_that_names_a_stranger_is_not_believed(folder: Path) -> None:
    with running(folder) as stores:
        data = stores.postgres.folder.path / "postgres"
        lines = (data / "postmaster.pid").read_text().splitlines()
        stores.postgres.kill()
        (data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:], ""]))

        stores.postgres.start()

        assert ask(stores.postgres.url, "SELECT 1") == 1


def keepers_of(program: int) -> list[int]:
    return [pid for pid, process in processes.table().items() if process.parent == program]
