"""python -m service dev: a saved file is served by a new process, on the same port."""

import signal
from pathlib import Path
from time import monotonic

import httpx
import pytest

from tests.kit.environment import Addresses
from tests.kit.programs import cold
from tests.kit.services import free_ports
from tests.kit.waiting import until

SECONDS = 40.0


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    """A folder with a file of Python in it."""
    folder = tmp_path / "watched"
    folder.mkdir()
    (folder / "edited.py").write_text("first = True\n", encoding="utf-8")
    return folder


def test_an_edit_starts_it_again(stores: Addresses, watched: Path, tmp_path: Path) -> None:
    port, management_port = free_ports(2)
    ports = {"SIGNET_PORT": str(port), "SIGNET_MANAGEMENT_PORT": str(management_port), "SIGNET_DRAIN": "60s"}
    log = tmp_path / "log"
    process = cold(["service", "dev", "--watch", str(watched)], {**stores.environment(), **ports}, log)

    def serves(times: int) -> bool:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        if log.read_text(encoding="utf-8").count('"message":"started"') < times:
            return False
        return httpx.get(f"http://127.0.0.1:{management_port}/readyz", timeout=5).status_code == 200

    try:
        until(lambda: serves(1), monotonic() + SECONDS)
        (watched / "edited.py").write_text("first = False\n", encoding="utf-8")
        until(lambda: serves(2), monotonic() + SECONDS)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(SECONDS)

    assert "SIGKILL" not in log.read_text(encoding="utf-8")
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/", timeout=5)
