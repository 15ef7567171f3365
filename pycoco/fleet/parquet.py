"""pyarrow, imported when a scan needs it, with an error that names what to install.

It is the one place that imports pyarrow, whose types are not known to mypy.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from pycoco.errors import ConfigurationError


def pyarrow() -> Any:
    """Return the module pyarrow. Raises ConfigurationError where it is not installed."""
    return _imported("pyarrow")


def pyarrow_parquet() -> Any:
    """Return the module pyarrow.parquet. Raises ConfigurationError where it is not installed."""
    return _imported("pyarrow.parquet")


def pyarrow_dataset() -> Any:
    """Return the module pyarrow.dataset. Raises ConfigurationError where it is not installed."""
    return _imported("pyarrow.dataset")


def _imported(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigurationError(
            f"a scan writes Parquet and needs pyarrow ({error}): pip install 'pycoco-oci[parquet]'"
        ) from None
