"""Where a scan's references come from: a text file, standard input, a column of Parquet or CSV, or any iterable.

It is not for what a reference means; one that is none becomes a row with its error.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from os import PathLike
from typing import TypeAlias

from pycoco.errors import ConfigurationError
from pycoco.fleet.parquet import pyarrow_parquet

References: TypeAlias = str | PathLike[str] | Iterable[str]
"""A path ("-" for standard input), or the references themselves."""

COLUMN = "reference"
"""The column that is read where none is named and the file has more than one."""


@contextmanager
def opened(references: References, column: str | None) -> Iterator[Iterator[str]]:
    """Yield the references one by one; empty lines and, in text, those that start with # are passed over.

    A path is read by its ending: .parquet, .csv (with a header line), anything else as text with one reference a line.
    Raises ConfigurationError for a file or column that cannot be read.
    """
    if not isinstance(references, (str, os.PathLike)):
        if column is not None:
            raise ConfigurationError("column names a column of a file; the references given here have none")
        yield _checked(references)
        return
    path = os.fspath(references)
    try:
        if path.endswith(".parquet"):
            yield _from_parquet(path, column)
        elif path.endswith(".csv"):
            with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
                yield _from_csv(file, path, column)
        elif column is not None:
            raise ConfigurationError(f"column is for .parquet and .csv files; {path} is read as text")
        elif path == "-":
            yield _from_text(sys.stdin)
        else:
            with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
                yield _from_text(file)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror or error}", file=path) from None


def _checked(references: Iterable[str]) -> Iterator[str]:
    for reference in references:
        if not isinstance(reference, str):
            raise ConfigurationError(f"{reference!r:.200} is not a reference; give text")
        yield reference


def _from_text(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        reference = line.strip()
        if reference and not reference.startswith("#"):
            yield reference


def _from_csv(lines: Iterable[str], path: str, column: str | None) -> Iterator[str]:
    rows = csv.reader(lines)
    at = _position(next(rows, []), path, column)
    for row in rows:
        if len(row) > at and row[at].strip():
            yield row[at].strip()


def _from_parquet(path: str, column: str | None) -> Iterator[str]:
    parquet = pyarrow_parquet()
    try:
        file = parquet.ParquetFile(path)
        names = file.schema_arrow.names
        name = names[_position(names, path, column)]
        for batch in file.iter_batches(columns=[name]):
            for value in batch.column(0).to_pylist():
                if value is not None and str(value).strip():
                    yield str(value).strip()
    except ValueError as error:  # pyarrow's ArrowInvalid is one
        if isinstance(error, ConfigurationError):
            raise
        raise ConfigurationError(f"{path} is no Parquet file that can be read", file=path) from None


def _position(names: list[str], path: str, column: str | None) -> int:
    wanted = column or (names[0] if len(names) == 1 else COLUMN)
    if wanted not in names:
        have = ", ".join(names[:20]) or "none"
        raise ConfigurationError(f"{path} has no column {wanted!r}; name one of its own: {have}", file=path)
    return names.index(wanted)
