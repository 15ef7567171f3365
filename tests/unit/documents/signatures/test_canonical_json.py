"""The canonical form of RFC 8785, by its own examples."""

from __future__ import annotations

import pytest

from pycoco.documents.signatures.canonical_json import canonical
from pycoco.documents.signatures.invalid import InvalidSignatureError
from pycoco.documents.syntax import encoding_json


def of(text: str) -> str:
    return canonical(encoding_json.parse(text.encode())).decode()


@pytest.mark.parametrize(
    ("number", "written"),
    [  # RFC 8785, appendix B, and what ECMAScript writes at its bounds
        ("0", "0"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("5e-324", "5e-324"),
        ("-5e-324", "-5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("9007199254740992", "9007199254740992"),
        ("-9007199254740992", "-9007199254740992"),
        ("295147905179352830000", "295147905179352830000"),
        ("9.999999999999997e22", "9.999999999999997e+22"),
        ("1e23", "1e+23"),
        ("1.0000000000000001e23", "1.0000000000000001e+23"),
        ("999999999999999700000", "999999999999999700000"),
        ("1e21", "1e+21"),
        ("0.000001", "0.000001"),
        ("9.999999999999997e-7", "9.999999999999997e-7"),
        ("333333333.3333332", "333333333.3333332"),
        ("1424953923781206.25", "1424953923781206.2"),
        ("1642430463", "1642430463"),
        ("4.50", "4.5"),
        ("1E30", "1e+30"),
        ("2e-3", "0.002"),
        ("100", "100"),
    ],
)
def test_numbers(number: str, written: str) -> None:
    assert of(f"[{number}]") == f"[{written}]"


def test_keys_are_sorted_by_utf16_and_text_escaped_as_little_as_can_be() -> None:
    text = r'{"\u20ac": 1, "\r": 2, "\ud83d\ude02": 3, "\ufb33": 4, "1": "\u000f\n\"\\\/<\u00e9", "": [true, null, {}]}'
    expected = '{"":[true,null,{}],"\\r":2,"1":"\\u000f\\n\\"\\\\/<é","€":1,"😂":3,"\ufb33":4}'
    assert of(text) == expected


def test_it_nests_as_deep_as_json_may() -> None:
    text = '{"a":[' * 4_999 + "1" + "]}" * 4_999
    assert of(text) == text


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', "1", '"a"', "null", "[1e400]"])
def test_what_has_none(text: str) -> None:
    with pytest.raises(InvalidSignatureError):
        of(text)
