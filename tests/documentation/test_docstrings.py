"""The programs in docstrings, which `help` and the site show, run where the pages' programs run."""

from __future__ import annotations

import ast
import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documentation.blocks import Block, blocks_of
from tests.documentation.stage import stage
from tests.support.tools import ROOT

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
SECRET = {"auths": {"quay.io": {"auth": base64.b64encode(b"user:password").decode()}}}
"""pull-secret.json of the programs."""


def docstrings() -> Iterator[tuple[str, str]]:
    """Yield each docstring of the package with its place."""
    for path in sorted((ROOT / "pycoco").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node)):
                name = getattr(node, "name", "")
                yield f"{path.relative_to(ROOT)}{':' if name else ''}{name}", text


EXAMPLES: list[tuple[str, Block]] = [
    (place, block) for place, text in docstrings() for block in blocks_of(text) if block.language == "python"
]


@pytest.mark.timeout(120)
def test_every_program_runs(tmp_path: Path) -> None:
    assert len(EXAMPLES) >= 4
    with stage(tmp_path) as where:
        where.write("pull-secret.json", json.dumps(SECRET))
        where.execute("import pycoco", "before")
        for place, block in EXAMPLES:
            where.execute(block.text, place)


@pytest.mark.parametrize("call", ["pycoco.inspect(", "pycoco.Client(", "pycoco.AsyncClient("])
def test_no_program_is_without_a_fence(call: str) -> None:
    """It would be shown as plain text, and not run."""
    fenced = {(place, line) for place, block in EXAMPLES for line in block.text.splitlines()}
    loose = [
        (place, line)
        for place, text in docstrings()
        for line in text.splitlines()
        if call in line and line.startswith("    ") and (place, line) not in fenced
    ]
    assert loose == []
