"""Rust programs of the tests: built once, and a cargo that is missing or too old is said loudly."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support import rust
from tests.support.tools import require_tool

MANIFEST = '[package]\nname = "small-program"\nversion = "0.1.0"\nedition = "2021"\n'
LOCK = 'version = 3\n\n[[package]]\nname = "small-program"\nversion = "0.1.0"\n'


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package without dependencies, in a machine that has built nothing yet."""
    package = tmp_path / "small_program"
    (package / "src").mkdir(parents=True)
    (package / "Cargo.toml").write_text(MANIFEST)
    (package / "Cargo.lock").write_text(LOCK)
    (package / "src" / "main.rs").write_text('fn main() { println!("built"); }\n')
    (tmp_path / "cache").mkdir()
    monkeypatch.setattr(rust, "cache_directory", lambda: tmp_path / "cache")
    return package


@pytest.mark.timeout(300)
def test_a_program_is_built_once(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = rust.build_rust_program(source)
    assert subprocess.run([program], capture_output=True, text=True, check=True, timeout=30).stdout == "built\n"
    assert not (source / "target").exists()
    monkeypatch.setattr(rust, "_build", None)
    assert rust.build_rust_program(source) == program


def test_what_does_not_compile(source: Path) -> None:
    require_tool("cargo")
    (source / "src" / "main.rs").write_text("fn main() { nonsense }\n")
    with pytest.raises(RuntimeError, match="nonsense"):
        rust.build_rust_program(source)


@pytest.mark.parametrize(("ci", "outcome"), [("1", pytest.fail.Exception), ("0", pytest.skip.Exception)])
def test_a_cargo_that_is_too_old(
    source: Path, monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("PYCOCO_CI", ci)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(rust, "require_tool", lambda _: "cargo")
    monkeypatch.setattr(rust, "_version", lambda _: (1, 66))
    with pytest.raises(outcome, match=r"missing tool: cargo 1\.85 or newer"):
        rust.build_rust_program(source)
