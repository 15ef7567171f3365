"""Lists of tags on both backends from registries drawn at random, the same every time."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.parity.drawn.tag_lists import difference, draw


@pytest.mark.timeout(120)
def test_backends_agree_on_drawn_lists(tmp_path: Path) -> None:
    for seed in range(150):
        found = difference(draw(random.Random(seed)), tmp_path)
        assert found is None, f"seed {seed}: {found}"
