"""Short names, row by row: both backends find the same candidates, in the same order, or fail alike.

Skopeo is not asked: it resolves none. Pull sources are test_registries_conf.py's.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.parity.matrix.configured_rows import DIGEST, WRONG, Row
from tests.parity.twins import Failure, Twins

TWO = "unqualified-search-registries = ['one.io', 'two.io']\n"
ALIASES = '[aliases]\nx = "q.io/y"\n"a/b" = "q.io/c"\ngone = ""\n'
UNRESOLVED = "ShortNameError"
PERMISSIVE = {"short_names": "permissive"}
HOME_ALIASES = "cache/containers/short-name-aliases.conf"

SHORT_NAMES = [
    Row(
        "nothing configured",
        "",
        {"x": UNRESOLVED, "q.io/x": ("q.io/x:latest given",), "localhost/x": ("localhost/x:latest given",)},
    ),
    Row("no entry for Docker Hub by itself", "unqualified-search-registries = []\n", {"x": UNRESOLVED}),
    Row(
        "one search registry",
        "unqualified-search-registries = ['one.io']\n",
        {
            "x": ("one.io/x:latest unqualified-search",),
            "library/x:1": ("one.io/library/x:1 unqualified-search",),
            f"x{DIGEST}": (f"one.io/x{DIGEST} unqualified-search",),
            f"x:1{DIGEST}": (f"one.io/x{DIGEST} unqualified-search",),
        },
    ),
    Row(
        "Docker Hub as one",
        "unqualified-search-registries = ['docker.io']\n",
        {"x": ("docker.io/library/x:latest unqualified-search",)},
    ),
    Row("several, enforcing", TWO, {"x": UNRESOLVED}),
    Row(
        "several, permissive",
        TWO,
        {"x": ("one.io/x:latest unqualified-search", "two.io/x:latest unqualified-search")},
        options=PERMISSIVE,
    ),
    Row(
        "several, disabled",
        TWO,
        {"x": ("one.io/x:latest unqualified-search", "two.io/x:latest unqualified-search")},
        options={"short_names": "disabled"},
    ),
    Row("the file's mode does not count", TWO + "short-name-mode = 'permissive'\n", {"x": UNRESOLVED}),
    Row(
        "aliases",
        TWO + ALIASES,
        {
            "x": ("q.io/y:latest alias",),
            "x:1": ("q.io/y:1 alias",),
            f"x{DIGEST}": (f"q.io/y{DIGEST} alias",),
            "a/b": ("q.io/c:latest alias",),
            "gone": UNRESOLVED,
        },
    ),
    Row(
        "an alias that was reset",
        "unqualified-search-registries = ['one.io']\n" + ALIASES,
        {"gone": ("one.io/gone:latest unqualified-search",)},
    ),
    Row(
        "a user's aliases go first",
        ALIASES,
        {"x": ("mine.io/y:latest alias",)},
        {HOME_ALIASES: '[aliases]\nx = "mine.io/y"\n'},
    ),
    Row("a user's reset goes on", ALIASES, {"x": UNRESOLVED}, {HOME_ALIASES: '[aliases]\nx = ""\n'}),
    Row(
        "aliases merge over drop-ins",
        ALIASES,
        {"x": ("two.io/y:latest alias",), "a/b": ("q.io/c:latest alias",)},
        {"drop-ins/1.conf": '[aliases]\nx = "two.io/y"\n'},
    ),
    Row(
        "search registries are replaced, also by none",
        TWO,
        {"x": UNRESOLVED},
        {"drop-ins/1.conf": "unqualified-search-registries = []\n"},
        PERMISSIVE,
    ),
    Row("an alias with a tag", '[aliases]\nx = "q.io/y:1"\n', {"x": WRONG}),
    Row("an alias to a short name", '[aliases]\nx = "y"\n', {"x": WRONG}),
    Row(
        "a broken file of aliases",
        "unqualified-search-registries = ['one.io']\n",
        {"x": WRONG},
        {HOME_ALIASES: "no TOML"},
    ),
    Row("a broken file matters to short names only", "no TOML", {"x": WRONG, "q.io/x": ("q.io/x:latest given",)}),
    Row(
        "an upper-case first part", "unqualified-search-registries = ['one.io']\n", {"UPPER/x": "InvalidReferenceError"}
    ),
    Row("64 hexadecimal digits", "unqualified-search-registries = ['one.io']\n", {"0" * 64: "InvalidReferenceError"}),
]


def candidates(answer: Any) -> Any:
    """A list of candidates in the table's words."""
    if isinstance(answer, Failure):
        return answer.kind
    return tuple(f"{candidate.reference} {candidate.origin}" for candidate in answer)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in SHORT_NAMES])
def test_short_names(twins: Twins, row: Row) -> None:
    _, python = twins.answers(row.case("short_name_candidates"))
    assert dict(zip(row.answers, map(candidates, python), strict=True)) == row.answers
    assert twins.differences(row.case("short_name_candidates")) == []
