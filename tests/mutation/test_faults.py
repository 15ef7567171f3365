"""Every fault can still be planted: its text stands in the file exactly once, and its tests are there."""

from __future__ import annotations

import pytest

from tests.mutation.__main__ import ROOT, problems
from tests.mutation.fault import Fault
from tests.mutation.faults import FAULTS


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_can_be_planted(fault: Fault) -> None:
    assert not problems(fault)
    assert fault.old != fault.new
    for test in fault.noticed_by:
        assert (ROOT / test.partition("::")[0]).is_file()


def test_a_fault_that_has_no_place_is_told() -> None:
    gone = Fault("gone", "platforms.py", "no such text", "", ("tests/parity/test_pure_operations.py",))
    assert problems(gone)
