"""Where a scan's references come from: a text file, standard input, a column of Parquet or CSV, or any iterable.

It is not for what a reference means; one that is none becomes a row with its error.
"""

from __future__ import annotations

import csv
import io
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from os import PathLike
from typing import Any, TextIO, TypeAlias

from pycoco.errors import ConfigurationError
from pycoco.fleet.parquet import pyarrow, pyarrow_parquet

References: TypeAlias = str | PathLike[str] | Iterable[str]
"""A path ("-" for standard input), or the references themselves."""

COLUMN = "reference"
"""The column that is read where none is named and the file has more than one."""

LONGEST = 8192
"""Characters of a reference, at most. A longer text is none; it is cut, so that its row can be held."""

_BATCH = 4096
_CUT = "…"  # which stands in no reference: what was cut is none for sure
_ENCODING, _ERRORS = "utf-8-sig", "surrogateescape"


@contextmanager
def opened(references: References, column: str | None) -> Iterator[Iterator[str]]:
    """Yield the references one by one; empty lines and, in text, those that start with # are passed over.

    A path is read by its ending: .parquet, .csv (with a header line), anything else as text with one reference a line.
    Raises ConfigurationError for a file or column that cannot be read.
    """
    if not isinstance(references, (str, os.PathLike)):
        if column is not None:
            raise ConfigurationError("column names a column of a file; the references given here have none")
        yield map(_bounded, _checked(references))
        return
    path = os.fspath(references)
    kind = path.lower()
    if column is not None and not kind.endswith((".parquet", ".csv")):
        raise ConfigurationError(f"column is for .parquet and .csv files; {path} is read as text")
    if kind.endswith(".parquet"):
        yield _readable(_from_parquet(path, column), path)
    elif path == "-":
        with _standard_input() as file:
            yield _readable(_from_text(file), "standard input")
    else:
        with _text_file(path, newline="" if kind.endswith(".csv") else None) as file:
            yield _readable(_from_csv(file, path, column) if kind.endswith(".csv") else _from_text(file), path)


@contextmanager
def _text_file(path: str, newline: str | None) -> Iterator[TextIO]:
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open(path, encoding=_ENCODING, errors=_ERRORS, newline=newline))
        except (OSError, ValueError) as error:
            raise _unreadable(path, error) from None
        yield file


def _readable(found: Iterator[str], path: str) -> Iterator[str]:
    """Yield what was found, what fails meanwhile as this input's own fault."""
    try:
        yield from map(_bounded, found)
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: str, error: Exception) -> ConfigurationError:
    reason = getattr(error, "strerror", None) or error
    return ConfigurationError(f"{path} cannot be read: {reason}", file=path)


def _bounded(reference: str) -> str:
    return reference if len(reference) <= LONGEST else reference[: LONGEST - 1] + _CUT


def _checked(references: Iterable[str]) -> Iterator[str]:
    for reference in references:
        if not isinstance(reference, str):
            raise ConfigurationError(f"{reference!r:.200} is not a reference; give text")
        yield reference


@contextmanager
def _standard_input() -> Iterator[TextIO]:
    """Yield standard input, read as files are; how Python itself would decode it depends on the locale."""
    if sys.stdin is None or sys.stdin.closed:
        raise ConfigurationError("standard input is closed; give the references there, or a file")
    buffer = getattr(sys.stdin, "buffer", None)
    if buffer is None:  # what somebody put in its place
        yield sys.stdin
        return
    file = io.TextIOWrapper(buffer, encoding=_ENCODING, errors=_ERRORS)
    try:
        yield file
    finally:
        file.detach()  # it stays open


def _from_text(file: TextIO) -> Iterator[str]:
    """Yield each line's reference. Of a line that is too long no more than its beginning is ever held."""
    while line := file.readline(LONGEST + 2):
        whole = line.endswith("\n") or len(line) <= LONGEST
        reference = line.strip() if whole else line
        if reference and not reference.startswith("#"):
            yield reference
        while not whole and (rest := file.readline(LONGEST)):
            whole = rest.endswith("\n")


def _from_csv(lines: Iterable[str], path: str, column: str | None) -> Iterator[str]:
    rows = csv.reader(lines)
    try:
        at = _position(next(rows, []), path, column)
        for row in rows:
            if len(row) > at and row[at].strip():
                yield row[at].strip()
    except csv.Error as error:
        raise ConfigurationError(
            f"{path} is no CSV that can be read: line {rows.line_num}: {error}", file=path, line=rows.line_num
        ) from None


def _from_parquet(path: str, column: str | None) -> Iterator[str]:
    try:
        file = pyarrow_parquet().ParquetFile(path)
        schema = file.schema_arrow
        name = schema.names[_position(schema.names, path, column)]
        if not _is_text(schema.field(name).type):
            raise ConfigurationError(
                f"{path}: the column {name!r} holds {schema.field(name).type}, not text", file=path
            )
        for batch in file.iter_batches(_BATCH, columns=[name]):
            for reference in _texts(batch.column(name)):
                if reference.strip():
                    yield reference.strip()
    except (ValueError, NotImplementedError) as error:  # pyarrow's ArrowInvalid and ArrowNotImplementedError are such
        if isinstance(error, ConfigurationError):
            raise
        raise ConfigurationError(f"{path} is no Parquet file that can be read", file=path) from None


def _is_text(kind: Any) -> bool:
    """Whether a column may hold references: writers that do not say that their bytes are text mean it all the same."""
    types = pyarrow().types
    if types.is_dictionary(kind):
        kind = kind.value_type
    names = ("string", "large_string", "string_view", "binary", "large_binary", "binary_view", "null")
    return any(hasattr(types, f"is_{name}") and getattr(types, f"is_{name}")(kind) for name in names)


def _texts(column: Any) -> Iterator[str]:
    """Yield a column's texts without nulls; bytes that are no UTF-8 stay as in other files."""
    arrow = pyarrow()
    if arrow.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    for value in column.cast(arrow.large_binary()).to_pylist():
        if value is not None:
            yield value.decode("utf-8", "surrogateescape")


def _position(names: list[str], path: str, column: str | None) -> int:
    wanted = column or (names[0] if len(names) == 1 else COLUMN)
    if wanted not in names:
        have = ", ".join(names[:20]) or "none"
        raise ConfigurationError(f"{path} has no column {wanted!r}; name one of its own: {have}", file=path)
    if names.count(wanted) > 1:
        raise ConfigurationError(f"{path} has {names.count(wanted)} columns called {wanted!r}", file=path)
    return names.index(wanted)
