"""`make observe`: a Prometheus with our rules, or one sentence about how to get one."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic

import httpx

from tests.kit.programs import ROOT
from tests.kit.prometheus import program, promtool, rules
from tests.kit.services import free_ports
from tests.kit.waiting import until

COMMAND = [sys.executable, "-m", "local.observe"]


def environment(folder: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "SIGNET_DATA_DIR": str(folder), **more}


def test_it_becomes_a_prometheus_that_has_every_rule(tmp_path: Path) -> None:
    program("prometheus")
    port, nobody = free_ports(2)
    given = environment(tmp_path, PROMETHEUS_PORT=str(port), SIGNET_MANAGEMENT_PORT=str(nobody))
    words = tmp_path / "words"

    with words.open("wb") as output, subprocess.Popen(COMMAND, cwd=ROOT, env=given, stdout=output) as process:
        until(lambda: _is_ready(port), monotonic() + 15)
        answer = httpx.get(f"http://127.0.0.1:{port}/api/v1/rules").json()
        process.send_signal(signal.SIGINT)

    assert sum(len(group["rules"]) for group in answer["data"]["groups"]) == len(rules())
    said = words.read_text(encoding="utf-8")
    assert f"http://127.0.0.1:{port}/alerts" in said
    # Nothing listens at the management port, and it says what to do.
    assert "make up" in said


def test_it_scrapes_the_management_port_with_the_labels_of_the_chart(tmp_path: Path) -> None:
    """The configuration it leaves behind is Prometheus' own form, and names what dashboards ask for."""
    program("promtool")
    (port,) = free_ports(1)
    given = environment(tmp_path, PROMETHEUS_PORT=str(port), SIGNET_MANAGEMENT_PORT="9123")
    with subprocess.Popen(COMMAND, cwd=ROOT, env=given, stdout=subprocess.DEVNULL) as process:
        until((tmp_path / "prometheus/prometheus.json").exists, monotonic() + 15)
        # It ends the one program as well as the other; SIGINT would be lost in the instant between the two.
        process.terminate()

    file = tmp_path / "prometheus/prometheus.json"
    assert promtool("check", "config", file).returncode == 0
    (scraped,) = json.loads(file.read_text(encoding="utf-8"))["scrape_configs"]
    assert scraped["job_name"] == "signet"
    (found,) = scraped["static_configs"]
    assert found["targets"] == ["127.0.0.1:9123"]
    assert found["labels"].keys() == {"namespace", "pod"}


def test_without_prometheus_it_says_how_to_get_it(tmp_path: Path) -> None:
    done = subprocess.run(
        COMMAND, cwd=ROOT, env=environment(tmp_path, PATH=str(tmp_path)), capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert "apt-get install prometheus" in done.stderr
    assert "Traceback" not in done.stderr


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/-/ready", timeout=1).status_code == 200
    except httpx.TransportError:
        return False
