"""Finding and building programs: once per machine, outside the tree, and loudly when one is missing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support import tools


def test_a_missing_program_skips_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.delenv("PYCOCO_CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="missing tool: no-such-program is not on PATH"):
        tools.require_tool("no-such-program")


@pytest.mark.parametrize(("name", "value"), [("PYCOCO_CI", "1"), ("CI", "true")])
def test_a_missing_program_fails_in_ci(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(pytest.fail.Exception, match="missing tool"):
        tools.require_tool("no-such-program")


def test_a_present_program_is_found() -> None:
    assert os.access(tools.require_tool("sh"), os.X_OK)


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert tools.cache_directory() == tmp_path / "xdg" / "pycoco-tests"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert tools.cache_directory() == tmp_path / "home" / ".cache" / "pycoco-tests"


def test_without_a_home_the_cache_is_in_the_work_tree(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tools, "ROOT", tmp_path / "tree")
    assert tools.cache_directory() == tmp_path / "tree" / "tests" / ".cache" / "pycoco-tests"


@pytest.fixture
def forget_programs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """What this process remembers of built programs: nothing."""
    remembered: dict[str, Path] = {}
    monkeypatch.setattr(tools, "_programs", remembered)
    return remembered


def test_a_program_is_built_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, forget_programs: dict[str, Path]
) -> None:
    calls: list[list[str]] = []

    def run_go(go: Path, arguments: list[str], directory: Path, more: dict[str, str]) -> None:
        calls.append(arguments)
        (Path(more["GOBIN"]) / "crane").write_text("built")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(tools, "_run_go", run_go)
    monkeypatch.setattr(tools, "find_go", lambda say: Path("/go"))
    said: list[str] = []
    first = tools.build_tool("crane", said.append)
    forget_programs.clear()  # as in another process
    second = tools.build_tool("crane", said.append)
    assert first == second
    assert first.read_text() == "built"
    assert len(calls) == 1
    assert calls[0][-1] == "github.com/google/go-containerregistry/cmd/crane@" + tools.INSTALLED["crane"][1]
    assert "building it" in said[0]
    assert "already built" in said[1]


@pytest.mark.usefixtures("forget_programs")
def test_a_failed_build_is_one_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(tools, "find_go", lambda say: Path("/bin/false"))
    with pytest.raises(tools.ToolError, match="go-containerregistry/cmd/crane@"):
        tools.build_tool("crane")


def test_an_old_go_is_not_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho go version go1.19.8 linux/amd64\n")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    with pytest.raises(tools.ToolError, match=r"Go 1\.27 or newer is needed"):
        tools.find_go()
    go.write_text("#!/bin/sh\necho go version go1.27.0 linux/amd64\n")
    assert tools.find_go() == go
