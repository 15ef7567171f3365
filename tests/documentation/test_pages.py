"""Every page says what is printed, and every block that looks like a command or a program is run."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from tests.documentation import command_line
from tests.documentation.blocks import agrees, blocks_of, commands_of
from tests.documentation.pages import pages, run
from tests.documentation.stage import stage
from tests.support.tools import ROOT

NOT_RUN = {"", "text", "yaml", "sql", "json", "toml", "ini", "mermaid", "sh"}
"""Languages whose blocks show something rather than do it. `sh` is for what changes the machine: installing, services.
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_it_prints_what_the_page_says(path: Path, tmp_path: Path) -> None:
    with stage(tmp_path) as where:
        wrong = [ran for ran in run(path, where) if not ran.right]
    told = [f"line {ran.line}: {ran.what}\n--- says\n{ran.wanted}\n--- prints\n{ran.printed}" for ran in wrong]
    assert not told, "\n\n".join(told) + "\n\nto write the pages anew: python -m tests.documentation"


def test_blocks_are_run_or_show_something() -> None:
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for block in blocks_of(path.read_text()):
            known = block.title or block.language in NOT_RUN or block.language in ("console", "python")
            assert known, f"{path}:{block.line}: a block in {block.language!r}"


def test_commands_and_their_outputs() -> None:
    text = "$ one \\\n  more\nprints\nthis\n$ two\n"
    first, second = commands_of(text)
    assert (first.command, first.output) == ("one \\\n  more", "prints\nthis\n")
    assert (second.command, second.output) == ("two", "")


def test_an_ellipsis_stands_for_anything() -> None:
    assert agrees("a …\n…\nz\n", "a 1\nb\nc\nz\n")
    assert agrees("a\n…\nz\n", "a\nz\n")
    assert not agrees("a …\nz\n", "a 1\nb\nz\n")
    assert not agrees("", "a\n")
    assert agrees("", "")


def test_the_command_lines_page_is_the_grammars() -> None:
    assert command_line.PAGE.read_text() == command_line.page(), (
        "write it anew: python -m tests.documentation.command_line"
    )


def test_exit_statuses_are_told_alike() -> None:
    """In the README, in the reference, and where they are decided."""
    readme = (ROOT / "README.md").read_text()
    table = re.search(r"\| status \| meaning \|\n(?:\|.*\n)+", readme)
    assert table
    assert table[0] in (ROOT / "docs" / "reference" / "errors.md").read_text()
    decided = re.findall(r"^(\d+) {2,}", str(import_module("pycoco.cli.exit_status").__doc__), re.MULTILINE)
    assert re.findall(r"^\| (\d+) \|", table[0], re.MULTILINE) == decided
