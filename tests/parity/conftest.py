"""Fixtures of the parity tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.parity.twins import Twins, opened_twins


@pytest.fixture(scope="module")
def twins() -> Iterator[Twins]:
    """Both backends."""
    with opened_twins() as opened:
        yield opened
