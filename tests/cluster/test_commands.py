"""Every command of runbooks, operations and telemetry, typed as it stands there, on a release of its own."""

import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic

import pytest

from tests.cluster.conftest import QUICK
from tests.kit.cluster import Cluster, namespace
from tests.kit.pages import WITH_COMMANDS, commands
from tests.kit.services import free_ports
from tests.kit.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

SERVERS = "app.kubernetes.io/component=server"
PORT_FORWARD = "port-forward"
# Figures come a while after a pod does.
MEASURED_WITHIN = 120.0
# A wrong password, so that the log has what is looked for in it.
GUESS = """
import json, urllib.error, urllib.request
body = json.dumps({"email": "nobody@example.com", "password": "a guess of somebody"}).encode()
request = urllib.request.Request("http://127.0.0.1:8000/v1/sessions", body, {"Content-Type": "application/json"})
try:
    urllib.request.urlopen(request, timeout=10)
except urllib.error.HTTPError as refusal:
    assert refusal.code == 401, refusal.code
"""
# These find nothing on a good day; all others have to find what they look for.
MAY_BE_SILENT = ("grep -i changes", "grep -i housekeeping", "grep -i key", "grep -i span", """grep '"level":"error"'""")


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Release"]:
    """A release with something to go back to."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed, and pages tell operators to use it")
    with namespace(f"signet-typed-{secrets.token_hex(3)}") as own:
        own.install("signet", *QUICK)
        own.install("signet", *QUICK, "--set", "settings.access_ttl=9min", verb="upgrade")
        yield Release(own, tmp_path_factory.mktemp("typed"))


class Release:
    """Types commands for one release; dumps lie in a folder of its own."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        (self._port,) = free_ports(1)
        self._forwarding = ExitStack()

    @contextmanager
    def opened_at(self, page: Path) -> Iterator[None]:
        """Have what the page is about; afterwards one replica that is ready, whatever the page has done."""
        self.rolled_out()
        text = page.read_text(encoding="utf-8")
        if "/v1/sessions" in text or '"problem"' in text:
            self.cluster.kubectl("exec", "deployment/signet", "--", "python", "-c", GUESS)
        if "--previous" in text:
            self.end_a_container()
        with self._forwarding:
            yield
        self.cluster.kubectl("scale", "deployment/signet", "--replicas=1")
        self.rolled_out()

    def type(self, line: str) -> None:
        """Run a line as a shell would; what Kubernetes is asked for has to be answered."""
        typed = self.filled_in(line)
        if PORT_FORWARD in line:
            self.forward(typed)
            return
        asking, _, looking = typed.partition(" | ")
        told = self.told(asking, is_patient=" top " in line)
        if looking:
            found = self.shell(looking, told)
            is_fine = found.returncode in {0, 1} if looking in MAY_BE_SILENT else found.stdout.strip()
            assert is_fine, f"{line}\nfinds nothing in\n{told}"
        if "pg_restore" in line:
            # "Then `helm upgrade` as it stands": operations.md.
            self.cluster.install("signet", *QUICK, verb="upgrade")

    def filled_in(self, line: str) -> str:
        """Put this release in the place of the page's."""
        replaced = {
            "--namespace signet": f"--namespace {self.cluster.namespace}",
            "127.0.0.1:9000": f"127.0.0.1:{self._port}",
            "9000:9000": f"{self._port}:9000",
            " POD ": f" {self.cluster.pods('server')[0]['metadata']['name']} " if " POD " in line else "",
        }
        for words, ours in replaced.items():
            line = line.replace(words, ours)
        return line

    def told(self, asking: str, *, is_patient: bool) -> str:
        def is_told() -> bool:
            return self.shell(asking).returncode == 0

        if is_patient:
            until(is_told, monotonic() + MEASURED_WITHIN)
        done = self.shell(asking)
        assert done.returncode == 0, f"{asking}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def shell(self, line: str, given: str = "") -> subprocess.CompletedProcess[str]:
        # What is read from a file on the line itself wins over what is given.
        return subprocess.run(
            ["bash", "-c", line], cwd=self.folder, input=given, capture_output=True, text=True, timeout=180, check=False
        )

    def forward(self, typed: str) -> None:
        """Let it run until the page is closed, as in a terminal of its own."""
        process = self._forwarding.enter_context(subprocess.Popen(typed.split(), stdout=subprocess.DEVNULL))
        self._forwarding.callback(process.terminate)
        asking = f"curl --silent http://127.0.0.1:{self._port}/livez"
        until(lambda: self.shell(asking).returncode == 0, monotonic() + 30)

    def rolled_out(self) -> None:
        self.cluster.kubectl("rollout", "status", "deployment/signet", "--timeout=3m", seconds=200)
        # Those that are about to end are gone, too: what a page says of all pods is said of this one.
        until(lambda: len(self.cluster.get("pods", "--selector", SERVERS)) == 1, monotonic() + 60)

    def end_a_container(self) -> None:
        """End the service in its pod, as a lack of memory would."""
        words = "import os, signal; os.kill(1, signal.SIGTERM)"
        self.cluster.kubectl("exec", "deployment/signet", "--", "python", "-c", words)

        def has_restarted() -> bool:
            (status,) = self.cluster.pods("server")[0]["status"]["containerStatuses"]
            return bool(status["restartCount"] and status["ready"])

        until(has_restarted, monotonic() + 90)


@pytest.mark.parametrize("page", [page for page in WITH_COMMANDS if any(commands(page))], ids=lambda page: page.stem)
def test_every_command_of_a_page_works(release: Release, page: Path) -> None:
    with release.opened_at(page):
        for line in commands(page):
            print(line)
            release.type(line)
