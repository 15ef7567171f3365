"""What Go keeps is read as Go wrote it, and every one of Go's fuzz functions has its operation."""

from __future__ import annotations

import re

from tests.fuzz.go_inputs import TARGETS, unquoted
from tests.parity.twins import STATELESS
from tests.support.tools import ROOT


def test_quoted_as_go_does() -> None:
    quoted = rb"a\"b\\\n\x00\xff\u00e9\U0001f600\a\tz"
    assert unquoted(quoted) == b'a"b\\\n\0\xff\xc3\xa9\xf0\x9f\x98\x80\a\tz'


def test_each_function_has_an_operation() -> None:
    source = (ROOT / "go" / "internal" / "operations" / "fuzz_test.go").read_text()
    assert set(re.findall(r"^func (Fuzz\w+)\(", source, re.MULTILINE)) == {target for target, _ in TARGETS.values()}
    assert TARGETS.keys() == STATELESS - {"evaluate_policy"}
