"""What a report says beside its figures, and what two of them say beside each other."""

import json
from datetime import UTC, datetime
from pathlib import Path

from loadtests.comparing import compare
from loadtests.gates import Verdict, at_most, judge
from loadtests.reporting import html, markdown, tell
from tests.loadtests.conftest import MakeEvidence

NOTE = "made up presumes of the deployment: SIGNET_DATABASE_POOL=2"
AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_table_in_markdown_stands_apart_from_the_list_before_it(evidence: MakeEvidence) -> None:
    run = evidence(facts={"notes": (NOTE,), "settings": None})

    lines = markdown(tell(run, Verdict((), ("the generator was busy",)), AT)).splitlines()

    begin = lines.index("| | gate | figure | limit |")
    assert lines[begin - 3 : begin] == ["- **void**: the generator was busy", f"- **note**: {NOTE}", ""]


def test_a_page_says_what_the_run_has_not_seen_to(evidence: MakeEvidence) -> None:
    run = evidence(facts={"notes": (NOTE,), "settings": None})
    page = html(tell(run, judge(run), AT), run)

    assert f"<p>Note: {NOTE}.</p>" in page
    assert "settings of the deployment" in page


def test_gates_and_requests_of_only_one_report_are_in_the_comparison(evidence: MakeEvidence, tmp_path: Path) -> None:
    reports = []
    for name, gates in (("before", ("kept", "gone")), ("after", ("new", "kept"))):
        run = evidence(*(at_most(2, gate, lambda _: 1.0) for gate in gates))
        run.tally.add(5, f"asked {name}", "200", 2.0)
        reports.append(tmp_path / f"{name}.json")
        reports[-1].write_text(json.dumps(tell(run, judge(run), AT)), encoding="utf-8")

    table = compare(*reports).splitlines()

    assert [line for line in table if "at most 2" in line] == [
        "| new | not there | 1 | ? | at most 2 |",
        "| kept | 1 | 1 | = | at most 2 |",
        "| gone | 1 | not there | ? | at most 2 |",
    ]
    assert "| asked before | p50 | 2.00 ms | not there | ? |" in table
    assert "| asked after | p50 | not there | 2.00 ms | ? |" in table
