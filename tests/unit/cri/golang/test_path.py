"""filepath.Clean, at the examples of path/filepath's own tests and at more slashes."""

from __future__ import annotations

import pytest

from pycoco.cri.golang.path import clean


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("", "."),
        (".", "."),
        ("/", "/"),
        ("//", "/"),
        ("///a//b/", "/a/b"),
        ("//a", "/a"),
        ("a/../..", ".."),
        ("/../a", "/a"),
        ("//../a", "/a"),
        ("a/./b/..", "a"),
    ],
)
def test_clean(path: str, expected: str) -> None:
    assert clean(path) == expected
