"""Lists of referrers from registries drawn at random, the same every time."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.parity.drawn.referrer_lists import draw, fault


@pytest.mark.timeout(120)
def test_what_must_hold_of_drawn_lists(tmp_path: Path) -> None:
    for seed in range(300):
        found = fault(draw(random.Random(seed)), tmp_path)
        assert found is None, f"seed {seed}: {found}"
