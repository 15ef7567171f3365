"""TOML 1.0 and 1.1 as containers/image's parser reads them, and as the Python backend does with and without tomli.

It is not for what registries.conf means (test_registries_conf.py).
"""

from __future__ import annotations

import sys

import pytest

from tests.parity.twins import Case, Failure, Twins

WRONG = "ConfigurationError"
VALUE = "value"

TOML_1_0 = {
    b"a.b = 1\na.c = 2\n": VALUE,
    b"[a.b]\n[a]\n": VALUE,
    b'a = [1, "x"]\n': VALUE,
    b"x = '''a'''\n": VALUE,
    b"x = inf\n": VALUE,
    b"x = 1979-05-27 07:32:00Z\n": VALUE,
    b"x = 1\r\n": VALUE,
    b'x = "a\tb"\n': VALUE,
    b"\xef\xbb\xbfx = 1\n": VALUE,
    b"x = 1\r": WRONG,
    b"x = 1__0\n": WRONG,
    b"x = 0x_1\n": WRONG,
    b"x = 99999999999999999999\n": WRONG,
    b"x = 2026-13-01\n": WRONG,
    b'x = "\xff"\n': WRONG,
    b'x = "a\x01b"\n': WRONG,
    b"# \x01\n": WRONG,
    b"\xc3\xa9 = 1\n": WRONG,
    b"x = 1\nx = 2\n": WRONG,
    b"[a]\n[a]\n": WRONG,
    b"\x00": WRONG,
    b"x = \n": WRONG,
}
TOML_1_1 = {
    b"x = { a = 1, }\n": VALUE,
    b"x = {\n  a = 1\n}\n": VALUE,
    b'unqualified-search-registries = ["q\\x2eio"]\n': VALUE,
    b'x = "\\e"\n': VALUE,
    b"x = 07:32\n": VALUE,
}


def case(text: bytes) -> Case:
    """A question that needs the file."""
    options = {"registries_conf": "{root}/registries.conf", "registries_conf_dir": "{root}/none"}
    return Case("pull_sources", (("q.io/x",),), (("registries.conf", text),), options=options)


@pytest.mark.parametrize(("text", "expected"), [*TOML_1_0.items(), *TOML_1_1.items()])
def test_both_backends(twins: Twins, text: bytes, expected: str) -> None:
    _, (python,) = twins.answers(case(text))
    assert twins.differences(case(text)) == []
    assert (python.kind if isinstance(python, Failure) else VALUE) == expected


@pytest.mark.skipif(sys.version_info < (3, 11), reason="the standard library has no TOML parser before 3.11")
@pytest.mark.parametrize("text", TOML_1_0)
def test_without_tomli_toml_1_0_is_read_alike(twins: Twins, text: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tomli", None)
    _, (python,) = twins.answers(case(text))
    assert (python.kind if isinstance(python, Failure) else VALUE) == TOML_1_0[text]
