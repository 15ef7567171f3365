"""The pytest plugin that comes with pycoco: one fixture, made only for tests that ask for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pycoco.testing.registry import FakeRegistry


@pytest.fixture
def pycoco_registry() -> Iterator[FakeRegistry]:
    """A FakeRegistry that runs for this test."""
    from pycoco.testing.registry import FakeRegistry

    with FakeRegistry() as registry:
        yield registry
