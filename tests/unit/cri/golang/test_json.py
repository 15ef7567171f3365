"""JSON as Go's encoding/json writes it."""

from __future__ import annotations

from typing import Any

import pytest

from pycoco.cri.golang.json import go_map, marshal, marshal_indent


# The right side is what json.Marshal of Go 1.26 prints.
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": 1, "b": [True, None]}, '{"a":1,"b":[true,null]}'),
        ("<a>&b", r'"\u003ca\u003e\u0026b"'),
        ("line\u2028para\u2029", r'"line\u2028para\u2029"'),
        ('q"b\\', r'"q\"b\\"'),
        ("\n\r\t\b\f\x01\x1f\x7f", '"\\n\\r\\t\\b\\f\\u0001\\u001f\x7f"'),
        ("é😀", '"é😀"'),
        ("a\ud800b", '"a\ufffdb"'),
        ({"<": "&"}, r'{"\u003c":"\u0026"}'),
    ],
)
def test_marshal(value: Any, expected: str) -> None:
    assert marshal(value) == expected


def test_maps_are_sorted_by_bytes_and_structs_are_not() -> None:
    assert marshal(go_map({"b": 1, "a": 2, "é": 3, "Z": 4, "\uffff": 5, "😀": 6})) == (
        '{"Z":4,"a":2,"b":1,"é":3,"\uffff":5,"😀":6}'
    )
    assert marshal({"b": 1, "a": 2}) == '{"b":1,"a":2}'


def test_indented_with_tabs() -> None:
    assert marshal_indent({"a": ["<"], "b": {}}) == '{\n\t"a": [\n\t\t"\\u003c"\n\t],\n\t"b": {}\n}'
