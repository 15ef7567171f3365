"""The code blocks of a Markdown page, and a page with the outputs of its commands written anew.

It is not for running them (see `stage`). A `console` block has commands after "$ " and below each what it prints; an
ellipsis there stands for anything, on a line of its own for any lines. A `python` block followed by a `text` block
titled "prints" prints that. A block with title="FILE" is that file. What is neither is not run, and `test_pages` says
which that may be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```[ ]*$", re.MULTILINE | re.DOTALL)
_TITLE = re.compile(r'title="([^"]*)"')


@dataclass(frozen=True)
class Block:
    """One fenced block: its language, its title ("" without), its text, and where the text stands in the page."""

    language: str
    title: str
    text: str
    start: int
    end: int
    line: int


@dataclass(frozen=True)
class Command:
    """One command of a console block and what it prints, with the place of that in the block's text."""

    command: str
    output: str
    start: int
    end: int


def blocks_of(page: str) -> list[Block]:
    """Return a page's blocks in order."""
    found = []
    for match in _FENCE.finditer(page):
        language, _, rest = match["info"].strip().partition(" ")
        title = _TITLE.search(rest)
        text = match["body"]
        if match["indent"]:
            text = re.sub(rf"^{match['indent']}", "", text, flags=re.MULTILINE)
        line = page.count("\n", 0, match.start()) + 1
        found.append(Block(language, title[1] if title else "", text, match.start("body"), match.end("body"), line))
    return found


def commands_of(text: str) -> list[Command]:
    """Return the commands of a console block; a backslash at a line's end continues a command."""
    found: list[Command] = []
    starts = [match.start() for match in re.finditer(r"^\$ ", text, re.MULTILINE)]
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        at = start
        while True:
            newline = text.index("\n", at)
            if text[newline - 1] != "\\":
                break
            at = newline + 1
        found.append(Command(text[start + 2 : newline], text[newline + 1 : end], newline + 1, end))
    return found


def agrees(wanted: str, printed: str) -> bool:
    """Whether `printed` is what a page says, its ellipses standing for anything."""
    parts = []
    for line in wanted.rstrip().splitlines():
        if line.strip() == "…":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*?".join(re.escape(piece) for piece in line.rstrip().split("…")) + r"[ ]*\n")
    return re.fullmatch("".join(parts), printed.rstrip() + "\n" if printed.strip() else "") is not None


def with_outputs(path: Path, outputs: dict[tuple[int, int], str]) -> None:
    """Write a page anew with other outputs, each given with its place in the page."""
    page = path.read_text()
    for (start, end), output in sorted(outputs.items(), reverse=True):
        ended = output if output.endswith("\n") or not output else f"{output}\n"
        page = page[:start] + ended + page[end:]
    path.write_text(page)
