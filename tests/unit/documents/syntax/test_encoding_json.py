"""JSON as encoding/json reads it: the same whether Python's parser reads it or, of very many values, pycoco's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pycoco.documents.syntax import encoding_json
from pycoco.documents.syntax.encoding_json import Number, Object

MANY = "[" + "0," * 60_000 + "0]"
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
)


def with_many_beside(text: str) -> encoding_json.Value:
    """The value of `text`, read beside so many others that Python's parser does not get it."""
    read = encoding_json.parse(f'{{"value":{text},"many":{MANY}}}'.encode(), ("value",))
    ((name, value),) = encoding_json.pairs(read)
    assert name == "value"
    return value


@settings(max_examples=20, deadline=None)  # each reads MANY
@given(VALUES)
def test_both_ways_give_the_same(value: Any) -> None:
    text = json.dumps(value)
    assert with_many_beside(text) == encoding_json.parse(text.encode())


@pytest.mark.parametrize(
    "text",
    ["[1,]", "[1", '{"a"}', '{"a":1,}', "{1:2}", "tru", "01", '"\n"', "NaN", "-", "1.", '{"a":1 "b":2}'],
)
def test_what_is_left_out_is_json_too(text: str) -> None:
    assert not is_json(text)
    assert not is_json(f'{{"other":{text},"many":{MANY}}}')


def is_json(text: str) -> bool:
    try:
        encoding_json.parse(text.encode(), ("value",))
    except ValueError:
        return False
    return True


def test_a_field_is_kept_by_whatever_name_sets_it_and_however_often() -> None:
    read = encoding_json.parse(f'{{"TOKEN":"a","x":{MANY},"token":{{"x":[1]}},"to\\u212Aen":2}}'.encode(), ("token",))
    assert read == Object((("TOKEN", "a"), ("token", Object((("x", [Number("1")]),))), ("to\u212aen", Number("2"))))


def test_all_is_kept_where_nothing_is_named() -> None:
    read = encoding_json.parse(f'{{"x":{MANY}}}'.encode())
    ((name, value),) = encoding_json.pairs(read)
    assert (name, value) == ("x", [Number("0")] * 60_001)
    assert encoding_json.parse(f"[{MANY}]".encode(), ("token",)) == [[Number("0")] * 60_001]
