"""The pages whose blocks run, and running one: what each block should print and what it prints.

It is not for where they run (see `stage`).
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.documentation.blocks import agrees, blocks_of, commands_of
from tests.documentation.stage import Stage
from tests.support.tools import ROOT

PRINTS = "prints"


@dataclass(frozen=True)
class Ran:
    """One thing that a page says is printed, what is printed, and its place in the page."""

    line: int
    what: str
    wanted: str
    printed: str
    place: tuple[int, int]

    @property
    def right(self) -> bool:
        """Whether the page tells the truth."""
        return agrees(self.wanted, self.printed)


def pages() -> list[Path]:
    """Return the README and every page of the site that has something to run."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [
        path for path in found if any(block.language in ("console", "python") for block in blocks_of(path.read_text()))
    ]


def run(path: Path, stage: Stage) -> Iterator[Ran]:
    """Run a page's blocks in order."""
    blocks = blocks_of(path.read_text())
    for at, block in enumerate(blocks):
        if block.title and block.title != PRINTS:
            stage.write(block.title, block.text)
        elif block.language == "console":
            for command in commands_of(block.text):
                place = (block.start + command.start, block.start + command.end)
                printed = stage.run(command.command)
                yield Ran(block.line, command.command, command.output, printed, place)
        elif block.language == "python":
            follows = blocks[at + 1] if at + 1 < len(blocks) and blocks[at + 1].title == PRINTS else None
            try:
                printed = stage.execute(block.text, f"{path.name}:{block.line}")
            except Exception:
                printed = traceback.format_exc()
                yield Ran(block.line, "a Python block", follows.text if follows else "", printed, (0, 0))
                continue
            if follows is not None:
                yield Ran(block.line, "a Python block", follows.text, printed, (follows.start, follows.end))
