"""`make up` as a newcomer meets it: the real stores, the real service, and one sentence for whatever cannot be."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from local import processes
from local.children import ROOT
from local.stores import running
from tests.kit.services import free_ports
from tests.local.clients import eventually, tidied

START_WITHIN = 60
# These look at one and the same, which would be started anew in each process of pytest-xdist.
together = pytest.mark.xdist_group("a newcomer's")
ADA = {"email": "ada@example.com", "password": "an engine of brass"}


@dataclass(frozen=True)
class Up:
    """A running `python -m local`, what it has said so far, and where it listens."""

    program: subprocess.Popen[bytes]
    folder: Path
    output: Path
    port: int
    management_port: int

    @property
    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def wait_until_it_says(self, words: str) -> None:
        eventually(lambda: words in self.said or self.program.poll() is not None, within=START_WITHIN)
        assert words in self.said

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.program.send_signal(number)
        return self.program.wait(timeout=60)

    def ask(self, method: str, path: str, body: object = None, *, port: int = 0) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=10)
        try:
            connection.request(method, path, json.dumps(body), {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Name what a newcomer's shell would hold, and the folder and ports of this test."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("SIGNET_")}
    port, management_port = (str(port) for port in free_ports(2))
    ports = {"SIGNET_PORT": port, "SIGNET_MANAGEMENT_PORT": management_port}
    return {**plain, "SIGNET_DATA_DIR": str(folder), **ports, **settings}


@contextmanager
def up(folder: Path, **settings: str) -> Iterator[Up]:
    """Run it, ready or not yet."""
    chosen = environment(folder, **settings)
    output = folder.with_name(f"{folder.name}.output")
    with output.open("wb") as file:
        program = subprocess.Popen(
            [sys.executable, "-m", "local"], cwd=ROOT, env=chosen, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        yield Up(program, folder, output, int(chosen["SIGNET_PORT"]), int(chosen["SIGNET_MANAGEMENT_PORT"]))
    finally:
        program.terminate()
        program.wait(timeout=60)


def refusal(folder: Path, **settings: str) -> str:
    """Run it where it cannot start, and give the one sentence it says about that."""
    done = subprocess.run(
        [sys.executable, "-m", "local"],
        cwd=ROOT,
        env=environment(folder, **settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=START_WITHIN,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stdout
    return done.stderr.strip().removeprefix("signet: ")


def alive_in(folder: Path) -> list[str]:
    homes = str(folder), str((folder / "postgres").resolve())
    return [line for line in processes.command_lines().values() if any(home in line for home in homes)]


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """Start it for the first time, for the tests that only look."""
    with tidied(tmp_path_factory.mktemp("newcomer")) as folder, up(folder) as running_one:
        running_one.wait_until_it_says("Ctrl-C stops everything")
        yield running_one


@together
def test_what_it_names_can_be_opened(newcomer: Up) -> None:
    documentation, metrics = re.findall(r"(?:Documentation|Metrics) +http://127.0.0.1:(\d+)(\S+)", newcomer.said)

    for port, path in (documentation, metrics):
        assert newcomer.ask("GET", path, port=int(port))[0] == 200


@together
@pytest.mark.skipif(shutil.which("curl") is None, reason="the commands are for machines with curl")
def test_the_commands_it_prints_work_as_they_are(newcomer: Up) -> None:
    printed = newcomer.said.partition("see yourself")[2].partition("Ctrl-C stops")[0]

    shell = subprocess.run(["/bin/sh", "-ec", printed], capture_output=True, text=True, check=True, timeout=30)

    registered, oneself = shell.stdout.replace("}{", "}\n{").splitlines()
    assert json.loads(registered) == json.loads(oneself)
    assert json.loads(oneself)["email"] == ADA["email"]


@together
def test_secrets_are_in_files_that_only_their_owner_can_read(newcomer: Up) -> None:
    for name in ("admin-password", "secret-keys", "postgres-password", "valkey-password"):
        assert (newcomer.folder / name).stat().st_mode & 0o777 == 0o600
        assert len((newcomer.folder / name).read_text().strip()) == 43


@together
def test_a_second_one_in_the_same_folder_is_refused(newcomer: Up) -> None:
    assert refusal(newcomer.folder) == (
        f"The data folder {newcomer.folder} is in use by process {newcomer.program.pid}; stop that one first (Ctrl-C)."
    )


def test_it_stops_in_order_and_the_second_start_finds_everything(folder: Path) -> None:
    with up(folder) as first:
        first.wait_until_it_says("Ctrl-C stops everything")
        password = (folder / "admin-password").read_text().strip()
        assert f"Password        {password} (shown this once)" in first.said
        assert first.ask("POST", "/v1/users", ADA)[0] == 201

        assert first.end(signal.SIGINT) == 0

        stopped = re.findall(r"(Signet|Valkey|PostgreSQL)[ .\d]* has stopped", first.said)
        assert stopped == ["Signet", "Valkey", "PostgreSQL"]
        assert alive_in(folder) == []

    with up(folder) as second:
        second.wait_until_it_says("Ctrl-C stops everything")
        assert password not in second.said
        assert second.ask("POST", "/v1/sessions", ADA)[0] == 201
        assert second.ask("POST", "/v1/sessions", {"email": "admin@example.com", "password": password})[0] == 201


@pytest.mark.parametrize(
    "moment", ["Making PostgreSQL's databases", "Starting Valkey", "Bringing the database schema", "Starting Signet"]
)
def test_a_stop_in_the_middle_of_the_start_is_obeyed(folder: Path, moment: str) -> None:
    with up(folder) as starting:
        starting.wait_until_it_says(moment)

        assert starting.end() == 0

        assert "Traceback" not in starting.said
        eventually(lambda: alive_in(folder) == [], within=5)


def test_after_a_kill_nothing_runs_on_and_the_next_start_finds_everything(folder: Path) -> None:
    with up(folder) as killed:
        killed.wait_until_it_says("Ctrl-C stops everything")
        killed.ask("POST", "/v1/users", ADA)
        ports = {"SIGNET_PORT": str(killed.port), "SIGNET_MANAGEMENT_PORT": str(killed.management_port)}
        killed.end(signal.SIGKILL)

        with up(folder, **ports) as after:
            after.wait_until_it_says("Ctrl-C stops everything")
            assert after.ask("POST", "/v1/sessions", ADA)[0] == 201


def test_stores_that_the_user_names_are_used_and_none_started(folder: Path) -> None:
    (folder / "mine").mkdir()
    with (
        running(folder / "mine") as mine,
        up(folder / "signet", SIGNET_DATABASE_URL=mine.postgres.url, SIGNET_REDIS_URL=mine.valkey.url) as guest,
    ):
        guest.wait_until_it_says("Ctrl-C stops everything")

        assert "Starting PostgreSQL" not in guest.said
        assert "Starting Valkey" not in guest.said
        assert guest.ask("POST", "/v1/users", ADA)[0] == 201
        assert guest.end() == 0
        assert mine.postgres.is_running


def test_a_taken_port_is_named_with_the_setting_that_changes_it(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        sentence = refusal(folder, SIGNET_MANAGEMENT_PORT=str(port))

    assert sentence == (
        f"Port {port} on 127.0.0.1 is taken by another program; end that one or set SIGNET_MANAGEMENT_PORT."
    )


@pytest.mark.parametrize("value", ["abc", "0", "65536", "tcp://10.0.0.1:8000"])
def test_a_port_that_is_none_is_refused(folder: Path, value: str) -> None:
    assert refusal(folder, SIGNET_PORT=value) == f"SIGNET_PORT must be a port number from 1 to 65535, not {value!r}."


def test_a_folder_that_cannot_be_made_is_named(folder: Path) -> None:
    (folder / "file").touch()

    assert refusal(folder / "file" / "data").startswith(f"The data folder {folder}/file/data cannot be written: ")


def test_data_of_another_major_version_is_left_alone(folder: Path) -> None:
    with running(folder, durable=True) as stores:
        version = folder / "postgres" / "PG_VERSION"
        assert stores.postgres.is_running
    version.write_text("17\n")

    assert refusal(folder).startswith(
        f"{folder}/postgres was made by PostgreSQL 17 and cannot be read by PostgreSQL 18"
    )


def test_a_setting_that_the_service_refuses_is_named_and_stops_the_stores(folder: Path) -> None:
    assert "SIGNET_ACCESS_TTL" in refusal(folder, SIGNET_ACCESS_TTL="soon")
    assert alive_in(folder) == []


def test_a_service_that_ends_by_itself_ends_everything(folder: Path) -> None:
    with up(folder) as running_one:
        running_one.wait_until_it_says("Ctrl-C stops everything")
        command = f"{sys.executable} -m service serve"
        serving = [pid for pid, line in processes.command_lines().items() if line.startswith(command)]
        mine = [pid for pid in processes.descendants(running_one.program.pid) if pid in serving]
        processes.send(mine, signal.SIGKILL)

        assert running_one.program.wait(timeout=30) == 1
        assert "signet: Signet ended by itself (exit code 137); what it said last stands above." in running_one.said
        assert alive_in(folder) == []
