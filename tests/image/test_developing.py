"""The image for developers serves a saved file without being built again."""

import io
import os
import subprocess
import tarfile
from time import monotonic

import httpx
import pytest

from tests.image.containers import Container, Image, production
from tests.kit.environment import Addresses
from tests.kit.programs import ROOT
from tests.kit.services import free_ports
from tests.kit.waiting import until

EDITED = "service/web/problems.py"
BEFORE, AFTER = "There is nothing here.", "There was an edit here."
SECONDS = 30.0
# How bytecode says that it is valid whatever its source (PEP 552).
UNCHECKED = b"\x01\0\0\0"


@pytest.fixture
def developing(image: Image) -> Image:
    """The image that reloads."""
    name = os.environ.get("TEST_DEV_IMAGE")
    if name is None:
        pytest.skip("no image is named by TEST_DEV_IMAGE; make test-image builds one and tests it")
    return Image(image.engine, name)


def put(container: Container, path: str, text: str) -> None:
    """Replace a file the way skaffold does: with tar."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        member = tarfile.TarInfo(path)
        member.size, member.mode = len(text.encode()), 0o644
        archive.addfile(member, io.BytesIO(text.encode()))
    words = [container.engine, "exec", "-i", container.name, "tar", "xmf", "-", "-C", "/app", "--no-same-owner"]
    done = subprocess.run(words, input=packed.getvalue(), capture_output=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr


def title_at(port: int) -> str | None:
    """Read what the service says of a path that leads nowhere."""
    try:
        return str(httpx.get(f"http://127.0.0.1:{port}/nowhere", timeout=2).json()["title"])
    except httpx.TransportError:
        return None


def test_a_saved_file_is_served(developing: Image, stores: Addresses) -> None:
    port, management_port = free_ports(2)
    settings = production(
        stores, SIGNET_PORT=str(port), SIGNET_MANAGEMENT_PORT=str(management_port), SIGNET_DRAIN="0"
    )  # fmt: skip
    text = (ROOT / EDITED).read_text(encoding="utf-8")

    with developing.running(settings, "--volume=/app") as container:
        until(lambda: title_at(port) == BEFORE, monotonic() + SECONDS)
        put(container, EDITED, text.replace(BEFORE, AFTER))
        saved = monotonic()
        until(lambda: title_at(port) == AFTER, saved + SECONDS)

        print(f"the edit was served {monotonic() - saved:.1f} s after it was saved")
        assert container.inside("id", "-u").strip() == "10001"


def test_the_bytecode_of_packages_never_goes_by_times(developing: Image) -> None:
    """A builder may set those; each start would compile everything anew, in memory."""
    compiled = {
        path: content[4:8]
        for path, content in developing.files.items()
        if path.startswith("/opt/signet/") and path.endswith(".pyc")
    }

    assert len(compiled) > 1000
    assert {path for path, flags in compiled.items() if flags != UNCHECKED} == set()


def test_other_commands_need_nothing_that_may_be_written(developing: Image, stores: Addresses) -> None:
    done = developing.attempt("migrate", environment=production(stores))

    assert (done.returncode, '"message":"nothing to do"' in done.stdout) == (0, True), done.stderr
