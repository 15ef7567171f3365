"""`fetch` on both backends from registries that behave as hypothesis draws: same result, same credentials sent.

It is not for the long run (`make fuzz`), nor for rows that a person wrote (test_protocol.py). A registry's
behaviour and its names are those of tests/strategies/registry_behaviour.py. Examples are the same every time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings

from tests.parity.drawn.kept_visits import KEPT, KeptVisit
from tests.parity.drawn.scripted_fetch import MUST_REACH, Stage, compare, opened_stage
from tests.strategies.visits import Visits, visits

EXAMPLES = 9
VISITS_IN_AN_EXAMPLE = 64


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Both backends and their registries."""
    with opened_stage() as opened:
        yield opened


@pytest.mark.parametrize("kept", KEPT, ids=lambda kept: kept.why)
def test_kept_visits(kept: KeptVisit, stage: Stage) -> None:
    with nullcontext(stage) if kept.operation == "fetch" else opened_stage(kept.operation) as chosen:
        [(go, python)] = chosen.outcomes([kept.visit])
    found = compare(kept.visit, go, python, kept.operation)
    assert found is None, str(found)
    assert python.kind == kept.kind, python.error


@pytest.mark.timeout(300)
def test_backends_agree_on_drawn_behaviour(stage: Stage) -> None:
    reached: Counter[str] = Counter()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=tuple(HealthCheck),
    )
    @given(visits(VISITS_IN_AN_EXAMPLE))
    def agree(drawn: Visits) -> None:
        outcomes = stage.outcomes(drawn)
        suspected = [visit for visit, both in zip(drawn, outcomes, strict=True) if compare(visit, *both)]
        found = [each for visit in suspected if (each := stage.disagreement(visit)) is not None]
        assert not found, str(stage.simplified(found[0]))
        for _, python in outcomes:
            event(python.kind)
            reached[python.kind] += 1

    agree()
    missing = MUST_REACH - reached.keys()
    assert not missing, f"the strategy does not reach {sorted(missing)} any more: {dict(reached)}"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("operation", ["resolve", "fetch_manifest", "fetch_instances"])
def test_backends_agree_on_other_readings(operation: str) -> None:
    """The same behaviours, for what is less than an image, or more."""
    with opened_stage(operation) as stage:

        @settings(
            max_examples=3,
            derandomize=True,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=tuple(HealthCheck),
        )
        @given(visits(VISITS_IN_AN_EXAMPLE))
        def agree(drawn: Visits) -> None:
            found = stage.disagreements(drawn)
            assert not found, str(stage.simplified(found[0]))

        agree()
