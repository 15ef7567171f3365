"""Where references come from: text, CSV, Parquet, standard input, iterables, and errors that name the file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from pycoco.errors import ConfigurationError, LayoutError
from pycoco.fleet import scan
from pycoco.fleet.references import LONGEST, References, opened
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


def test_standard_input_is_read_as_files_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the locale says, and without closing it."""
    stdin = io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfa\r\n\xff/b\n"), encoding="ascii")
    monkeypatch.setattr("sys.stdin", stdin)
    assert read("-") == ["a", "\udcff/b"]
    assert not stdin.buffer.closed


def test_standard_input_that_is_closed_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(ConfigurationError, match="standard input is closed"):
        read("-")


@pytest.mark.parametrize("end", [b"", b"\n", b"\nb\n"])
def test_of_a_line_that_is_too_long_the_beginning_is_a_row(tmp_path: Path, end: bytes) -> None:
    """And it is no reference for sure, though its beginning alone would be one."""
    path = tmp_path / "references.txt"
    path.write_bytes(b"a\n" + b"quay.io/" + b"x" * 1_000_000 + end)
    first, cut, *rest = read(path)
    assert (first, rest) == ("a", ["b"] if b"b" in end else [])
    assert cut == "quay.io/" + "x" * (LONGEST - 9) + "…"
    assert read(["y" * (LONGEST + 1)]) == ["y" * (LONGEST - 1) + "…"]
    assert read(["y" * LONGEST]) == ["y" * LONGEST]
    for at in range(LONGEST - 3, LONGEST + 5):
        path.write_bytes(b"y" * at + end)
        assert read(path)[0] == ("y" * at if at <= LONGEST else "y" * (LONGEST - 1) + "…")
        path.write_bytes(b" " * at + b"y" + end)
        assert read(path)[0] in ("y", " " * (LONGEST - 1) + "…")


def test_what_is_no_csv_is_told(tmp_path: Path) -> None:
    path = tmp_path / "images.CSV"
    path.write_text("reference\na\n" + "x" * 1_000_000)
    with pytest.raises(ConfigurationError, match=r"is no CSV that can be read: line 3: field larger"):
        read(path)


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


def test_a_column_of_parquet_that_is_no_text_is_told(tmp_path: Path) -> None:
    arrow, parquet = require_module("pyarrow"), require_module("pyarrow.parquet")
    path = tmp_path / "images.parquet"
    for values in ([1, 2], [["a"]], [{"a": "b"}], [1.5], [True]):
        parquet.write_table(arrow.table({"image": values}), path)
        with pytest.raises(ConfigurationError, match=r"the column 'image' holds .*, not text"):
            read(path)


def test_two_columns_of_one_name_are_told(tmp_path: Path) -> None:
    arrow, parquet = require_module("pyarrow"), require_module("pyarrow.parquet")
    path = tmp_path / "images.parquet"
    columns = [arrow.array(["a"]), arrow.array(["b"]), arrow.array(["c"])]
    parquet.write_table(arrow.Table.from_arrays(columns, names=["image", "image", "image.name"]), path)
    (tmp_path / "images.csv").write_text("image,image,image.name\na,b,c\n")
    for each in (path, tmp_path / "images.csv"):
        with pytest.raises(ConfigurationError, match=r"has 2 columns called 'image'"):
            read(each, "image")
        assert read(each, "image.name") == ["c"]


@pytest.mark.parametrize(
    "kind", ["string_view", "binary", "large_binary", "string", "large_string", "dictionary", "null"]
)
def test_every_kind_of_text_in_parquet(tmp_path: Path, kind: str) -> None:
    """Bytes too, as written by those that do not say that theirs are text; what is no UTF-8 is as in other files."""
    arrow, parquet = require_module("pyarrow"), require_module("pyarrow.parquet")
    path = tmp_path / "images.parquet"
    values = [b"a/b:1", None, b" c ", b"\xff/e", b""]
    column = arrow.array(values, arrow.binary())
    if kind == "string_view":
        column = arrow.array(["a/b:1", None, "c"]).cast(arrow.string_view())
    elif kind == "null":
        column = arrow.nulls(3)
    elif kind == "dictionary":
        column = arrow.array(["a/b:1", "c", None, "c"]).dictionary_encode()
    elif "string" in kind:
        offsets, data = column.buffers()[1:]
        column = arrow.Array.from_buffers(arrow.string(), 5, [column.buffers()[0], offsets, data])
        column = column if kind == "string" else arrow.array(["a/b:1", "c"], arrow.large_string())
    else:
        column = column.cast(getattr(arrow, kind)())
    parquet.write_table(arrow.table({"image": column}), path)
    expected = {
        "null": [],
        "dictionary": ["a/b:1", "c", "c"],
        "large_string": ["a/b:1", "c"],
        "string_view": ["a/b:1", "c"],
    }
    assert read(path) == expected.get(kind, ["a/b:1", "c", "\udcff/e"])


def test_a_source_that_fails_in_its_middle_is_told_as_itself(tmp_path: Path) -> None:
    """Not as an output that cannot be written, although both are errors of the system."""

    def failing() -> Iterator[str]:
        yield "a"
        raise ConnectionResetError("the database went away")

    with pytest.raises(ConnectionResetError):
        scan(failing(), tmp_path / "output", engine="in-process")
    for name in ("missing.parquet", "missing.csv", "missing.txt", "directory.parquet", "directory.txt"):
        if name.startswith("directory"):
            (tmp_path / name).mkdir()
        with pytest.raises(ConfigurationError, match=rf"{name}.* cannot be read"):
            scan(tmp_path / name, tmp_path / "output", engine="in-process")
    assert not list(tmp_path.glob("output/*"))
    (tmp_path / "some.txt").write_text("a")
    with pytest.raises(LayoutError, match=r"some.txt cannot be written"):
        scan(tmp_path / "some.txt", tmp_path / "some.txt", engine="in-process")


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
