"""A small run from beginning to end: its reports, its exit codes, and the comparison of two."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.programs import ROOT
from tests.loadtests.runs import GREEN, RED, run


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


def test_a_run_writes_what_people_and_machines_read(reports: Path) -> None:
    """Latencies of a run of three seconds on a busy machine decide nothing, so only counts are looked at."""
    ran = run("warm-cache", reports, "--length", "0.1")

    assert ran.exit_code in {GREEN, RED, 2}, ran.said
    assert not [name for name in ran.failed if name.startswith("refused")], ran.said
    page = next(reports.glob("*.html")).read_text(encoding="utf-8")
    assert "<svg" in page
    assert "near share" in page
    assert "| near share |" in next(reports.glob("*.md")).read_text(encoding="utf-8")


def test_two_reports_stand_side_by_side(reports: Path) -> None:
    report = str(next(reports.glob("*.json")))
    words = [sys.executable, "-m", "loadtests", "compare", report, report]

    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)

    assert "| near share |" in done.stdout
    assert "| read | p50 |" in done.stdout
