"""Reading a scan's dataset in tests, and the modules that scans stand on."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.support.tools import MISSING_TOOL, in_ci


def require_module(name: str) -> Any:
    """Return a module that only scans need; without it skip the test, or in CI fail it."""
    try:
        return import_module(name)
    except ImportError as error:
        reason = f"{MISSING_TOOL} the Python package {name} ({error}), so this test checks nothing"
        raise pytest.fail.Exception(reason) if in_ci() else pytest.skip.Exception(reason) from None


def rows_in(directory: Path) -> list[dict[str, Any]]:
    """Return the rows of a scan's dataset with their stage, in the input's order."""
    table = import_module("pyarrow.dataset").dataset(directory, format="parquet", partitioning="hive").to_table()
    rows: list[dict[str, Any]] = table.to_pylist()
    return sorted(rows, key=lambda row: (row["stage"], row["position"]))


def references_at(host: str, count: int) -> list[str]:
    """Return so many references of one registry."""
    return [f"{host}/demo/app{number}:v1" for number in range(count)]
