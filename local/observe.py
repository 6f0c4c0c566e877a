"""`make observe`: a Prometheus with the shipped rules, looking at the Signet that runs on this machine."""

import json
import os
import shutil
import sys
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from local.children import ROOT
from local.refusals import CannotStart
from local.signet import Wishes, shown
from local.terminal import Terminal

RULES = ROOT / "charts/signet/rules"
DASHBOARDS = ROOT / "charts/signet/dashboards"
NOT_THERE = (
    "Prometheus is not installed. Debian and Ubuntu: apt-get install prometheus; others: prometheus.io/download; "
    "with Docker: docker compose --profile observability up."
)
WELCOME = """
{title}

  Graphs          {url}/graph?g0.expr=sum%20by%20(status)%20(rate(http_requests_total%5B1m%5D))&g0.tab=0
  Alerts          {url}/alerts
  Rules           {url}/rules
  Targets         {url}/targets

  Data            {folder}
  Dashboards      {dashboards}, for a Grafana with this address as its data source

Signet's own metrics are at {metrics}{absent}

Ctrl-C stops it; the data stays.
"""
ABSENT = ",\nwhere nobody answers yet: start it with `make up` in another terminal."


def main() -> int:
    """Become Prometheus, until Ctrl-C; the exit code if that can't be."""
    terminal = Terminal()
    try:
        observe(terminal)
    except CannotStart as refusal:
        terminal.refuse(str(refusal))
    return 1


def observe(terminal: Terminal) -> None:
    """Write its configuration, say where everything is, and leave the process to it."""
    if (program := shutil.which("prometheus")) is None:
        raise CannotStart(NOT_THERE)
    wishes = Wishes(os.environ)
    target = f"{wishes.reachable_host}:{wishes.management_port}"
    listen = f"127.0.0.1:{os.environ.get('PROMETHEUS_PORT', '9090')}"
    folder = wishes.folder / "prometheus"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "prometheus.json").write_text(json.dumps(configuration(target), indent=2), encoding="utf-8")
    terminal.say(_welcome(terminal, folder, listen, target))
    options = {
        # JSON is YAML, too.
        "config.file": folder / "prometheus.json",
        "storage.tsdb.path": folder / "data",
        "storage.tsdb.retention.time": "15d",
        "web.listen-address": listen,
        "log.level": "warn",
        "enable-feature": "exemplar-storage",
    }
    sys.stdout.flush()
    os.execv(program, [program, *(f"--{name}={value}" for name, value in options.items())])  # noqa: S606 - no shell


def configuration(target: str) -> dict[str, object]:
    """Tell Prometheus whom to scrape and what to think of it, with the labels that the chart gives."""
    return {
        "global": {"scrape_interval": "5s", "evaluation_interval": "15s"},
        "rule_files": [str(file) for file in sorted(RULES.glob("*.yaml"))],
        "scrape_configs": [
            {
                "job_name": "signet",
                "static_configs": [{"targets": [target], "labels": {"namespace": "local", "pod": "signet-0"}}],
            }
        ],
    }


def _welcome(terminal: Terminal, folder: Path, listen: str, target: str) -> str:
    return WELCOME.format(
        title=terminal.bold(f"Prometheus looks at Signet every 5 seconds, at http://{listen}"),
        url=f"http://{listen}",
        folder=shown(folder),
        dashboards=shown(DASHBOARDS),
        metrics=f"http://{target}/metrics",
        absent="" if _answers(target) else ABSENT,
    )


def _answers(target: str) -> bool:
    try:
        with urlopen(f"http://{target}/livez", timeout=2) as answer:
            return bool(answer.status == 200)  # noqa: PLR2004 - reads better as a number
    except (URLError, OSError):
        return False


if __name__ == "__main__":
    sys.exit(main())
