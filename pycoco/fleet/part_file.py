"""A part's rows on their way to its file: held in memory while they are light, beside the file once they are not.

It is not for reading images (see `part`). Whatever registries answer, a worker holds documents of HELD bytes as rows,
and no more. A file is renamed when it is whole and on the disk, and says of itself what became of the part.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from pycoco.errors import LayoutError
from pycoco.fleet.parquet import pyarrow, pyarrow_parquet
from pycoco.fleet.rows import Row
from pycoco.fleet.schema import SCHEMA_VERSION, arrow_schema

HELD = 16 * 1024 * 1024
"""Bytes of documents whose rows are held in memory, at most; a usual part's are fewer."""

_FOOTER = b"pycoco.part"


class PartRows:
    """The rows of one part, gathered in any order and written once, sorted within what was held at a time.

    `positions` are those of all rows, `failed` of those with an error, `codes` counts rows by error code ("" for none).
    """

    def __init__(self, path: Path, raw: bool) -> None:
        self.positions: set[int] = set()
        self.failed: set[int] = set()
        self.codes: Counter[str] = Counter()
        self._path = path
        self._schema = arrow_schema(raw)
        self._held: list[Row] = []
        self._size = 0
        self._spilt: BinaryIO | None = None
        self._writer: Any = None

    def add(self, rows: list[Row], size: int) -> None:
        """Take the rows of one reference, made of documents of so many bytes. Raises LayoutError on a full disk."""
        for row in rows:
            code = row.get("error_code")
            self.positions.add(row["position"])
            if code:
                self.failed.add(row["position"])
            self.codes[code or ""] += 1
        self._held += rows
        self._size += size
        if self._size >= HELD:
            self._spill()

    def add_kept(self, path: Path) -> None:
        """Take the rows that an earlier run of the part kept at `path`; a file that is not whole counts as none."""
        parquet = pyarrow_parquet()
        try:
            kept = parquet.ParquetFile(path)
        except (OSError, ValueError):
            return
        for at in range(kept.num_row_groups):
            table = kept.read_row_group(at)
            self.add(table.to_pylist(), table.nbytes)

    def write(self, path: Path, footer: dict[str, Any] | None = None) -> None:
        """Write all rows to `path`, whole or not at all. Raises LayoutError where that fails."""
        metadata: dict[Any, Any] = {b"pycoco.schema_version": str(SCHEMA_VERSION)}
        if footer is not None:
            metadata[_FOOTER] = json.dumps(footer)
        schema = self._schema.with_metadata(metadata)
        temporary = _beside(path)
        try:
            with _told(path):
                with open(temporary, "wb") as file:
                    with pyarrow_parquet().ParquetWriter(file, schema, compression="zstd") as writer:
                        for table in self._tables():
                            writer.write_table(table.replace_schema_metadata(metadata))
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise

    def close(self) -> None:
        """Remove what was put beside the file."""
        if self._spilt is not None:
            with contextlib.suppress(OSError, ValueError):
                self._writer.close()
            with contextlib.suppress(OSError):
                self._spilt.close()
            with contextlib.suppress(OSError):
                Path(self._spilt.name).unlink(missing_ok=True)

    def _tables(self) -> Iterator[Any]:
        """Yield the rows as tables: the ones beside the file, if there are any, and those in memory."""
        if self._spilt is None:
            yield self._table()
            return
        if self._held:
            self._spill()
        self._writer.close()
        self._spilt.close()
        spilt = pyarrow_parquet().ParquetFile(self._spilt.name)
        for at in range(spilt.num_row_groups):
            yield spilt.read_row_group(at)

    def _table(self) -> Any:
        return pyarrow().Table.from_pylist(sorted(self._held, key=lambda row: int(row["position"])), self._schema)

    def _spill(self) -> None:
        with _told(self._path):
            if self._spilt is None:
                self._spilt = open(_beside(self._path), "wb")  # noqa: SIM115 - `close` closes it
                self._writer = pyarrow_parquet().ParquetWriter(self._spilt, self._schema, compression="zstd")
            self._writer.write_table(self._table())
        self._held.clear()
        self._size = 0


def footer_of(path: Path) -> dict[str, Any] | None:
    """Return what a whole part's file says of itself, None where there is no such file. Raises LayoutError."""
    parquet = pyarrow_parquet()
    try:
        metadata = parquet.read_schema(path).metadata or {}
        found: dict[str, Any] = dict(json.loads(metadata[_FOOTER]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError):
        raise damaged(path) from None
    return found


def damaged(path: Path) -> LayoutError:
    """Return the error of a part's file that is not whole."""
    return LayoutError(f"{path} is damaged; remove it and scan again")


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.stem}.{uuid.uuid4().hex}.tmp")


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise LayoutError(f"{path} cannot be written: {reason}; what is done stays, scan again to continue") from None
