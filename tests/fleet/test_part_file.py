"""A part's file: all rows once, however heavy they are, and how little of them is held in memory."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from pycoco.errors import LayoutError
from pycoco.fleet import part_file, scan
from pycoco.fleet.part_file import PartRows, footer_of
from pycoco.fleet.rows import Row, row
from pycoco.testing import FakeRegistry
from tests.boundary import served
from tests.fleet.tables import references_at, require_module, rows_in
from tests.support.scripted_registry import Answer, Request, ScriptedRegistry

WHEN = datetime(2024, 1, 1, tzinfo=timezone.utc)


def made(position: int, **columns: Any) -> Row:
    return row(position, f"quay.io/app{position}", WHEN, 0.1, "python") | columns


def read(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = require_module("pyarrow.parquet").read_table(path).to_pylist()
    return rows


def groups(path: Path) -> int:
    return int(require_module("pyarrow.parquet").ParquetFile(path).num_row_groups)


def test_light_rows_are_one_group_in_the_inputs_order(tmp_path: Path) -> None:
    found = PartRows(tmp_path / "part-000000.parquet", raw=False)
    for position in (3, 1, 2, 0):
        found.add([made(position, error_code="not_found" if position == 2 else None)], 100)
    found.write(tmp_path / "part-000000.parquet", {"rows": 4})
    found.close()
    assert [row["position"] for row in read(tmp_path / "part-000000.parquet")] == [0, 1, 2, 3]
    assert groups(tmp_path / "part-000000.parquet") == 1
    assert (found.positions, found.failed, found.codes) == ({0, 1, 2, 3}, {2}, {"": 3, "not_found": 1})
    assert footer_of(tmp_path / "part-000000.parquet") == {"rows": 4}
    assert [path.name for path in tmp_path.iterdir()] == ["part-000000.parquet"]


def test_heavy_rows_wait_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_file, "HELD", 1000)
    path = tmp_path / "part-000000.parquet"
    found = PartRows(path, raw=True)
    for position in range(10):
        found.add([made(position, raw_config=b"x" * 300, labels=[("a", "b" * 100)])], 300)
        assert len(found._held) < 4
    assert len(list(tmp_path.iterdir())) == 1
    found.write(tmp_path / ".part-000000.partial")  # a registry's limit, and the part goes on
    found.close()
    again = PartRows(path, raw=True)
    again.add_kept(tmp_path / ".part-000000.partial")
    assert again.positions == set(range(10))
    again.add([made(10)], 0)
    again.write(path, {"rows": 11})
    again.close()
    (tmp_path / ".part-000000.partial").unlink()
    assert [path.name for path in tmp_path.iterdir()] == ["part-000000.parquet"]
    rows = read(path)
    assert sorted(row["position"] for row in rows) == list(range(11))
    assert all(row["labels"] == [("a", "b" * 100)] and len(row["raw_config"]) == 300 for row in rows[:10])
    assert groups(path) > 1
    assert footer_of(path) == {"rows": 11}


def test_what_is_left_by_a_fault_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(part_file, "HELD", 1)
    found = PartRows(tmp_path / "part-000000.parquet", raw=False)
    found.add([made(0)], 1)
    with pytest.raises(TypeError):
        found.write(tmp_path / "part-000000.parquet", {"cannot be JSON": object()})
    with pytest.raises(LayoutError, match="cannot be written"):
        found.write(tmp_path / "missing" / "part-000000.parquet")
    found.close()
    assert not list(tmp_path.iterdir())


def test_a_registry_of_enormous_images_fills_no_memory(
    registry: ScriptedRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every image has a config of a megabyte, in one label; the parts' rows come to twenty, and three are held."""
    monkeypatch.setattr(part_file, "HELD", 3_000_000)
    most: list[int] = []
    spill = PartRows._spill

    def counted(rows: PartRows) -> None:
        most.append(len(rows._held))
        spill(rows)

    monkeypatch.setattr(PartRows, "_spill", counted)
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Labels": {"a": "x" * 1_000_000}}}).encode()
    registry.script = served_with(config)
    references = references_at(registry.host, 20)
    summary = scan(references, tmp_path, engine="in-process", tls_verify=False, raw=True)
    assert (summary.rows, summary.failed) == (20, 0)
    assert max(most) <= 4
    rows = rows_in(summary.directory)
    assert [row["reference"] for row in rows] == references
    assert all(row["raw_config"] == config and dict(row["labels"])["a"] == "x" * 1_000_000 for row in rows)


def served_with(config: bytes) -> Any:
    """The image of `served`, with another config."""
    from pycoco.documents import digest

    manifest = json.loads(served.MANIFEST)
    manifest["config"] |= {"digest": digest.of(config), "size": len(config)}

    def script(request: Request) -> Answer:
        answer = served.image(request)
        if "/manifests/" in request.path:
            return Answer(headers=answer.headers, body=json.dumps(manifest).encode())
        return Answer(body=config) if request.path.endswith(digest.of(config)) else answer

    return script


def test_every_image_of_an_index_stays_together(
    pycoco_registry: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows of one position stand beside each other also in a file of several groups, which --retry-failed counts on."""
    monkeypatch.setattr(part_file, "HELD", 1)
    references = [
        pycoco_registry.image(f"team/app:v{number}", platforms=["linux/amd64", "linux/arm64"]) for number in range(3)
    ]
    summary = scan(references, tmp_path, engine="in-process", tls_verify=False, all_platforms=True)
    (path,) = summary.directory.rglob("*.parquet")
    positions = [row["position"] for row in read(path)]
    assert positions[::2] == positions[1::2]
    assert groups(path) == 3
