"""A scan's folder: one driver at a time, two that begin together, what killed drivers leave, what is damaged."""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pycoco.errors import LayoutError
from pycoco.fleet import scan
from pycoco.fleet.folder import Folder, prepare
from pycoco.fleet.plan import make_plan
from tests.fleet.tables import references_at
from tests.support.scripted_registry import Answer, Request, ScriptedRegistry


def prepared(output: Path, references: Any = ("quay.io/a", "b")) -> tuple[Folder, bool]:
    return prepare(output, references, {"raw": False}, part_size=10)


def test_the_second_of_two_that_begin_together_finds_the_firsts(tmp_path: Path) -> None:
    """It is made while the other one reads its references."""
    made: list[Folder] = []

    def slowly() -> Iterator[str]:
        yield "quay.io/a"
        made.append(prepared(tmp_path)[0])
        yield "b"

    folder, existed = prepared(tmp_path, slowly())
    assert existed
    assert folder.path == made[0].path
    assert [path.name for path in tmp_path.iterdir()] == [folder.path.name]


def test_and_so_where_neither_saw_the_other_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = prepared(tmp_path)
    exists = Path.exists
    unseen = [True]
    monkeypatch.setattr(
        Path, "exists", lambda path: not (path == first.path and unseen and unseen.pop()) and exists(path)
    )
    second, existed = prepared(tmp_path)
    assert (second.path, existed) == (first.path, True)
    assert not unseen


def test_the_plan_of_a_driver_that_was_killed_is_removed_and_no_other(tmp_path: Path) -> None:
    killed, living, strange = (tmp_path / f".scan-{name}" for name in ("killed", "living", "strange"))
    for path in (killed, living, strange):
        path.mkdir()
        (path / "_stage-0.references").write_text("much")
    (killed / "_lock").touch()
    with open(living / "_lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        folder, _ = prepared(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {living.name, strange.name, folder.path.name}


def test_a_file_system_without_locks_is_told_apart_from_another_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(file: object, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    folder, _ = prepared(tmp_path)
    monkeypatch.setattr(fcntl, "flock", none)
    with pytest.raises(LayoutError, match="_lock cannot be locked: No locks available"), folder.locked():
        pass


def test_a_lock_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    folder, _ = prepared(tmp_path)
    (folder.path / "_lock").unlink()
    (folder.path / "_lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LayoutError, match="_lock cannot be opened"), folder.locked():
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_a_stage_that_cannot_be_written_is_told(registry: ScriptedRegistry, tmp_path: Path) -> None:
    registry.script = unavailable
    options: dict[str, Any] = {"engine": "in-process", "tls_verify": False, "retries": 0}
    summary = scan(references_at(registry.host, 3), tmp_path, **options)
    (summary.directory / "_stage-1.references").mkdir()
    with pytest.raises(LayoutError, match="cannot be written: Is a directory"):
        scan(references_at(registry.host, 3), tmp_path, retry_failed=True, **options)


def test_a_damaged_part_is_told_before_it_is_tried_again(registry: ScriptedRegistry, tmp_path: Path) -> None:
    registry.script = unavailable
    options: dict[str, Any] = {"engine": "in-process", "tls_verify": False, "retries": 0}
    summary = scan(references_at(registry.host, 3), tmp_path, **options)
    (summary.directory / "stage=0" / "part-000001.parquet").write_text("no Parquet")
    with pytest.raises(LayoutError, match="stage=0 has a damaged part; remove it and scan again"):
        scan(references_at(registry.host, 3), tmp_path, retry_failed=True, **options)


def unavailable(request: Request) -> Answer:
    return Answer(503)


def test_what_is_no_part_is_passed_over(tmp_path: Path) -> None:
    folder, _ = prepared(tmp_path)
    for name in ("part-x.parquet", "part-000003.parquet", "part-.parquet", ".part-000004.parquet"):
        (folder.stage(0) / name).touch()
    assert folder.done(0) == {3}


def test_nothing_to_try_again_leaves_nothing(tmp_path: Path) -> None:
    folder, _ = prepared(tmp_path, [])
    assert folder.add_stage(1, 0, 10) is None
    assert not (folder.path / "_stage-1.references").exists()
    make_plan(enumerate(["a"]), folder.path / "_stage-1.references", part_size=1)  # the driver ended there
    assert folder.stages == 1
