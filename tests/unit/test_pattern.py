"""Patterns that are compiled when they are used answer as `re.compile`'s do."""

from __future__ import annotations

import re

import pytest

from pycoco._pattern import pattern


def test_it_is_compiled_when_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[object] = []
    compile = re.compile

    def counted(text: str, flags: int = 0) -> re.Pattern[str]:
        compiled.append((text, flags))
        return compile(text, flags)

    monkeypatch.setattr(re, "compile", counted)
    digits = pattern("([0-9]+)x", re.IGNORECASE)
    assert compiled == []
    for _ in range(2):
        found = digits.fullmatch("12X")
        assert found is not None
        assert found[1] == "12"
    assert digits.sub("y", "1x2") == "y2"
    assert compiled == [("([0-9]+)x", re.IGNORECASE)] * 2
    assert (digits.pattern, digits.flags & re.IGNORECASE) == ("([0-9]+)x", re.IGNORECASE)


def test_bytes() -> None:
    assert pattern(rb"\d+").findall(b"1 22") == [b"1", b"22"]
