"""`skaffold dev` on a cluster: a saved file is served soon, and no image is built for it."""

import http.client
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from signal import SIGINT, SIGTERM
from time import monotonic

import pytest

from tests.kit.cluster import Cluster, namespace
from tests.kit.programs import ROOT
from tests.kit.services import free_ports
from tests.kit.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

EDITED = "service/web/problems.py"
TITLES = ["There is nothing here.", "There was an edit here.", "There was another.", "And a third."]
PROMISED_SECONDS = 5
QUIETLY = {"SKAFFOLD_UPDATE_CHECK": "false", "SKAFFOLD_INTERACTIVE": "false"}


@dataclass(frozen=True)
class Loop:
    """A copy of the checkout that skaffold watches, and where it serves it."""

    checkout: Path
    port: int
    log: Path

    def save(self, before: str, after: str) -> None:
        file = self.checkout / EDITED
        file.write_text(file.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def is_watched(self) -> bool:
        """Whether the service is there and an edit would be seen: what is saved before that is never copied."""
        return self.title() == TITLES[0] and "Watching for changes" in self.said()

    def title(self) -> str | None:
        """What the service says of a path that leads nowhere."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.request("GET", "/nowhere")
            return str(json.loads(connection.getresponse().read())["title"])
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()


@pytest.fixture(scope="module")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    repository = os.environ.get("SIGNET_TEST_REPOSITORY")
    if shutil.which("skaffold") is None or repository is None:
        pytest.skip("needs skaffold, and SIGNET_TEST_REPOSITORY: a registry to push to that the cluster fetches from")
    folder = tmp_path_factory.mktemp("skaffold")
    with (
        namespace(f"signet-dev-{os.urandom(3).hex()}") as own,
        developing(own, folder, repository) as found,
    ):
        yield found


@contextmanager
def developing(cluster: Cluster, folder: Path, repository: str) -> Iterator[Loop]:
    # What skaffold writes stands beside what it watches, or it would wait for its own log to be quiet.
    port, management = free_ports(2)
    found = Loop(folder / "checkout", port, folder / "skaffold.log")
    copy_checkout(found.checkout)
    text = (found.checkout / "skaffold.yaml").read_text(encoding="utf-8")
    text = text.replace("namespace: signet", f"namespace: {cluster.namespace}")
    text = text.replace("localPort: 8000", f"localPort: {port}").replace("localPort: 9000", f"localPort: {management}")
    (found.checkout / "skaffold.yaml").write_text(text, encoding="utf-8")
    profile = [] if works("docker", "info") else ["--profile=buildah"]
    with (
        found.log.open("w", encoding="utf-8") as log,
        subprocess.Popen(
            ["skaffold", "dev", "--cleanup=false", f"--default-repo={repository}", *profile],
            cwd=found.checkout, stdout=log, stderr=log, env={**os.environ, **QUIETLY}, start_new_session=True,
        ) as skaffold,
    ):  # fmt: skip
        try:
            until(lambda: found.is_watched() or skaffold.poll() is not None, monotonic() + 200)
            assert skaffold.poll() is None, found.said()
            yield found
        finally:
            skaffold.send_signal(SIGINT)
            skaffold.wait(60)
            # Its port-forwards outlive it at times.
            with suppress(ProcessLookupError):
                os.killpg(skaffold.pid, SIGTERM)


def copy_checkout(folder: Path) -> None:
    """Copy what git knows, and enough of git for the times of the image."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in names.splitlines():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)


def works(*words: str) -> bool:
    return (
        shutil.which(words[0]) is not None and subprocess.run(words, capture_output=True, check=False).returncode == 0
    )


def test_an_edit_is_served_within_seconds_and_without_an_image(loop: Loop) -> None:
    builds = loop.said().count("Building [signet]")
    taken = []
    for before, after in pairwise(TITLES):
        loop.save(before, after)
        saved = monotonic()
        until(lambda wanted=after: loop.title() == wanted, saved + 30)  # type: ignore[misc]
        taken.append(monotonic() - saved)

    print("edits were served after " + ", ".join(f"{seconds:.1f} s" for seconds in taken))
    assert loop.said().count("Building [signet]") == builds
    assert max(taken) < PROMISED_SECONDS
