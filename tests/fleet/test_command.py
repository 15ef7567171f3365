"""`pycoco scan`: its summary, its statuses, and wrong arguments."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest

from pycoco.cli import main
from pycoco.cli import scan as command
from pycoco.fleet.progress import Progress, Tally
from tests.fleet.tables import references_at, require_module, rows_in
from tests.support.scripted_registry import ScriptedRegistry


@pytest.fixture
def references(registry: ScriptedRegistry, tmp_path: Path) -> Path:
    path = tmp_path / "references.txt"
    path.write_text("\n".join(references_at(registry.host, 5)))
    return path


def run(*arguments: object) -> int:
    return main(["scan", *map(str, arguments), "--engine", "in-process", "--tls-verify=false"])


def test_a_summary_for_a_person(references: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(references, "--output", tmp_path / "images") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(next((tmp_path / "images").glob("scan-*")))
    assert lines[1].split() == ["rows", "5,", "0", "failed"]


def test_a_summary_for_a_program(references: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    references.write_text(references.read_text() + "\nUPPER\n")
    assert run(references, "--output", tmp_path / "images", "--json", "--raw", "--part-size", 2) == 12
    summary = json.loads(capsys.readouterr().out)
    assert (summary["rows"], summary["by_error"]) == (6, {"invalid_reference": 1})
    assert rows_in(Path(summary["directory"]))[0]["raw_manifest"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give a file of references, or -, and --output DIR"),
        (("references.txt",), "give a file of references, or -, and --output DIR"),
        (("references.txt", "--report", "images"), "leave out the references"),
        (("-", "--output", "images", "--creds", "user"), "give the password by --creds USER:PASSWORD"),
        (("references.txt", "--output", "images", "--dask", "tcp://127.0.0.1:1", "--workers", "2"), "--workers is for"),
    ],
)
def test_wrong_arguments(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    assert message in capsys.readouterr().err


def test_no_scheduler_is_told(references: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    require_module("distributed")
    address = "tcp://127.0.0.1:1"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pycoco.fleet.engines.SCHEDULER_TIMEOUT", 0.5)
        assert run(references, "--output", tmp_path / "images", "--dask", address) == 4
    assert f"no Dask scheduler answers at {address}" in capsys.readouterr().err


def test_progress_on_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    progress = Progress({"quay.io": Tally(1000, 400, 3), "": Tally(200, 100, 0)}, before=100, seconds=2.0)
    command._line(progress)
    assert capsys.readouterr().err.endswith("500 of 1,200 images, 3 failed, 200/s, 4 s left")


def test_a_line_now_and_then_without_a_terminal(
    references: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(references, "--output", tmp_path / "images") == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(command, "LINE_EVERY", 0.0)
    assert run(references, "--output", tmp_path / "images", "--raw") == 0
    lines = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"pycoco: 5 of 5 images, 0 failed, \d+/s, 0 s left", lines[-1])
    show = command._Lines()
    show(Progress({"quay.io": Tally(10, 1, 0)}, waiting={"quay.io": time.monotonic() + 99.9}))
    assert re.search(r"1 of 10 images, 0 failed, 0/s; quay\.io waits (99|100) s", capsys.readouterr().err)


def test_bars_by_registry() -> None:
    made: list[_Bar] = []

    def make(**how: object) -> _Bar:
        made.append(_Bar(how))
        return made[-1]

    bars = command._Bars(make)
    progress = Progress({"quay.io": Tally(1000, 400, 3), "": Tally(200, 100, 0)}, waiting={"": float("inf")})
    bars.show(progress)
    progress.registries["quay.io"].done = 600
    bars.show(progress)
    assert [(bar.made["desc"], bar.n) for bar in made] == [("all", 700), ("quay.io", 600), ("short names", 100)]
    assert made[2].shown == "0 failed, waits inf s"


class _Bar:
    def __init__(self, made: dict[str, object]) -> None:
        self.made = made
        self.n = int(str(made["initial"]))
        self.shown = ""

    def update(self, count: int) -> None:
        self.n += count

    def set_postfix_str(self, text: str, refresh: bool) -> None:
        self.shown = text
