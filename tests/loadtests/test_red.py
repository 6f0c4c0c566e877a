"""Every gate was seen red: what it watches is turned off, and this gate and no other fails."""

from pathlib import Path

import pytest

from tests.loadtests.faults import FAULTS, IDLE_HOOKS, Fault, gates
from tests.loadtests.runs import RED, run


@pytest.mark.prove
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_gate_and_no_other_fails_when_what_it_watches_is_turned_off(fault: Fault, tmp_path: Path) -> None:
    ran = run(fault.scenario, tmp_path, *fault.words, **fault.settings)

    assert (ran.failed, ran.exit_code) == ({fault.gate}, RED), ran.said


def test_for_every_gate_there_is_a_fault_that_it_has_to_notice() -> None:
    assert {(fault.scenario, fault.gate) for fault in FAULTS} | {IDLE_HOOKS} == gates()
