"""docs/deviations.md is true: the tests that it names exist, and so do the differences that nothing else shows."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support.tools import ROOT

PAGE = (ROOT / "docs" / "deviations.md").read_text()
NAMED = sorted(set(re.findall(r"`((?:[\w/]+/)?test_\w+\.py(?:::\w+)*)`", PAGE)))
LINKS = re.findall(r"\]\(([^)#]+)#([^)]+)\)", PAGE)


def test_it_names_tests() -> None:
    assert len(NAMED) > 30


@pytest.mark.parametrize("name", NAMED)
def test_a_named_test_exists(name: str) -> None:
    path, *inner = name.split("::")
    body: list[ast.stmt] = ast.parse((ROOT / "tests" / path).read_text()).body
    for part in inner:
        found = [node for node in body if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == part]
        assert found, f"tests/{path} has no {part}"
        body = found[0].body


def test_every_row_of_its_tables_names_a_test() -> None:
    rows = [
        line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| |", "|---", "| step"))
    ]
    without = [row for row in rows if "test_" not in row and "| test |" not in row]
    # The steps of the JSON rule share one file, named above them; a program that nobody wants run has no test.
    assert [row for row in without if not re.match(r"\| [0-5]\. |\| `additional-layer", row)] == []


@pytest.mark.parametrize(("file", "anchor"), LINKS)
def test_a_link_leads_somewhere(file: str, anchor: str) -> None:
    headings = re.findall(r"^#+ (.+)$", (ROOT / "docs" / file).read_text(), re.MULTILINE)
    assert anchor in [heading.lower().replace(" ", "-") for heading in headings]
