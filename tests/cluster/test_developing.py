"""`skaffold dev` on a cluster: a saved file is served soon, and no image is built for it."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from signal import SIGINT
from time import monotonic

import httpx
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

    def title(self) -> str | None:
        """What the service says of a path that leads nowhere."""
        try:
            return str(httpx.get(f"http://127.0.0.1:{self.port}/nowhere", timeout=1).json()["title"])
        except (httpx.TransportError, ValueError):
            return None


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    repository = os.environ.get("SIGNET_TEST_REPOSITORY")
    if shutil.which("skaffold") is None or repository is None:
        pytest.skip("needs skaffold, and SIGNET_TEST_REPOSITORY: a registry to push to that the cluster fetches from")
    with (
        namespace(f"signet-dev-{os.urandom(3).hex()}") as own,
        tempfile.TemporaryDirectory() as folder,
        developing(own, Path(folder), repository) as found,
    ):
        yield found


@contextmanager
def developing(cluster: Cluster, folder: Path, repository: str) -> Iterator[Loop]:
    copy_checkout(folder)
    port, management = free_ports(2)
    text = (folder / "skaffold.yaml").read_text(encoding="utf-8")
    text = text.replace("namespace: signet", f"namespace: {cluster.namespace}")
    text = text.replace("localPort: 8000", f"localPort: {port}").replace("localPort: 9000", f"localPort: {management}")
    (folder / "skaffold.yaml").write_text(text, encoding="utf-8")
    profile = [] if works("docker", "info") else ["--profile=buildah"]
    found = Loop(folder, port, folder / "skaffold.log")
    with (
        found.log.open("w", encoding="utf-8") as log,
        subprocess.Popen(
            ["skaffold", "dev", "--cleanup=false", f"--default-repo={repository}", *profile],
            cwd=folder, stdout=log, stderr=log, env={**os.environ, **QUIETLY},
        ) as skaffold,
    ):  # fmt: skip
        try:
            until(lambda: found.title() == TITLES[0] or skaffold.poll() is not None, monotonic() + 300)
            assert skaffold.poll() is None, found.log.read_text(encoding="utf-8")
            yield found
        finally:
            skaffold.send_signal(SIGINT)


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
    builds = loop.log.read_text(encoding="utf-8").count("Building [signet]")
    taken = []
    for before, after in pairwise(TITLES):
        loop.save(before, after)
        saved = monotonic()
        until(lambda wanted=after: loop.title() == wanted, saved + 60)  # type: ignore[misc]
        taken.append(monotonic() - saved)

    print("edits were served after " + ", ".join(f"{seconds:.1f} s" for seconds in taken))
    assert loop.log.read_text(encoding="utf-8").count("Building [signet]") == builds
    assert max(taken) < PROMISED_SECONDS
