"""Where references come from: text, CSV, Parquet, standard input, iterables, and errors that name the file."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from pycoco.errors import ConfigurationError
from pycoco.fleet.references import References, opened
from tests.fleet.tables import require_module


def read(references: References, column: str | None = None) -> list[str]:
    with opened(references, column) as found:
        return list(found)


def test_text_has_one_reference_a_line(tmp_path: Path) -> None:
    path = tmp_path / "references.txt"
    path.write_bytes(b"\xef\xbb\xbfa/b:1\n\n# no reference\n  c/d \r\n\xff/e")
    assert read(path) == ["a/b:1", "c/d", "\udcff/e"]


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("a\nb\n"))
    assert read("-") == ["a", "b"]


def test_a_column_of_csv(tmp_path: Path) -> None:
    path = tmp_path / "images.csv"
    path.write_text('name,reference\nx,"a/b:1"\ny,\nz\nw,c\n')
    assert read(path) == ["a/b:1", "c"]
    assert read(path, "name") == ["x", "y", "z", "w"]


def test_a_column_of_parquet(tmp_path: Path) -> None:
    arrow, parquet = require_module("pyarrow"), require_module("pyarrow.parquet")
    path = tmp_path / "images.parquet"
    parquet.write_table(arrow.table({"image": ["a", None, "b"], "other": [1, 2, 3]}), path)
    assert read(path, "image") == ["a", "b"]
    with pytest.raises(ConfigurationError, match="has no column 'reference'; name one of its own: image, other"):
        read(path)


def test_the_only_column_needs_no_name(tmp_path: Path) -> None:
    path = tmp_path / "images.csv"
    path.write_text("whatever\na\n")
    assert read(path) == ["a"]


def test_an_iterable() -> None:
    assert read(iter(["a", "b"])) == ["a", "b"]
    with pytest.raises(ConfigurationError, match="7 is not a reference; give text"):
        read([7])  # type: ignore[list-item]
    with pytest.raises(ConfigurationError, match="column names a column of a file"):
        read(["a"], "image")


@pytest.mark.parametrize("name", ["missing.txt", "missing.csv", "missing.parquet"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        read(tmp_path / name)


def test_what_is_no_parquet_is_told(tmp_path: Path) -> None:
    path = tmp_path / "images.parquet"
    path.write_text("no Parquet")
    with pytest.raises(ConfigurationError, match="is no Parquet file"):
        read(path)


def test_text_has_no_columns(tmp_path: Path) -> None:
    path = tmp_path / "references.txt"
    path.write_text("a\n")
    with pytest.raises(ConfigurationError, match="column is for"):
        read(path, "image")
