"""The pure operations on both backends: the same value or the same class of error, and every interesting class reached.

It is not for the long run (`make fuzz`) nor for `fetch`. Examples are the same every time, so that a class of cases
once reached stays reached.
"""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings, target

from tests.parity.kept_cases import KEPT, VALUE, Kept
from tests.parity.operations import OPERATIONS, Operation
from tests.parity.twins import Case, Failure, Twins, differences

EXAMPLES = {"pull_sources": 600, "short_name_candidates": 600, "credentials_for": 500, "evaluate_policy": 900}
USUAL_EXAMPLES = 2500


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_twins_agree(operation: Operation, twins: Twins) -> None:
    reached: Counter[str] = Counter()

    @settings(
        max_examples=EXAMPLES.get(operation.name, USUAL_EXAMPLES),
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.explicit, Phase.generate, Phase.target, Phase.shrink),
        suppress_health_check=(HealthCheck.too_slow, HealthCheck.data_too_large),
    )
    @given(operation.cases)
    def compare(case: Case) -> None:
        go, python = twins.answers(case)
        found = differences(case, go, python)
        assert not found, str(found[0])
        classes = set(operation.classes(case, python))
        for each in classes:
            event(each)
        target(len(classes), label="classes in one case")
        reached.update(classes)

    compare()
    missing = operation.must_reach - reached.keys()
    assert not missing, f"the strategy for {operation.name} does not reach {sorted(missing)} any more: {dict(reached)}"


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept.why)
def test_kept_cases(kept: Kept, twins: Twins) -> None:
    go, python = twins.answers(kept.case)
    assert not twins.differences(kept.case)
    kinds = {each.kind if isinstance(each, Failure) else VALUE for each in (*go, *python)}
    assert kinds == {kept.answer}
