"""The strict JSON rule, step by step, and the Go types of fields."""

from __future__ import annotations

from typing import Any

import pytest

from pycoco.documents.syntax import strict_json
from pycoco.documents.syntax.strict_json import boolean, empty_struct, int64, mapping, octets, sequence, string, struct
from pycoco.errors import AmbiguousManifestError, ManifestError

DEEP = strict_json.DEPTH_LIMIT

SYNTAX = {
    "not json": b"nope",
    "empty": b"",
    "array at top": b"[]",
    "null at top": b"null",
    "trailing value": b'{"a":1} {}',
    "trailing bytes": b'{"a":1}x',
    "trailing comma": b'{"a":1,}',
    "single quotes": b"{'a':1}",
    "comment": b'{"a":1 /* */}',
    "byte order mark": b'\xef\xbb\xbf{"a":1}',
    "utf-16": '{"a":1}'.encode("utf-16"),
    "invalid utf-8": b'{"a":"\xff"}',
    "utf-8 of a surrogate": b'{"a":"\xed\xa0\x80"}',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":-Infinity}',
    "float out of range": b'{"a":1e999}',
    "integer out of range": b'{"a":' + b"9" * 400 + b"}",
    "leading zero": b'{"a":01}',
    "control character": b'{"a":"\n"}',
    "lone high surrogate": rb'{"a":"\ud800"}',
    "lone low surrogate": rb'{"a":"\udc00"}',
    "high surrogate then text": rb'{"a":"\ud800x\udc00"}',
    "two high surrogates": rb'{"a":"\ud800\ud800\udc00"}',
    "lone surrogate in a key": rb'{"\ud800":1}',
    "lone surrogate hidden by a duplicate": rb'{"a":"\ud800","a":1}',
    "too deep": b'{"a":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "far too deep": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "too deep and duplicate": b'{"a":1,"a":' + b"[" * DEEP + b"]" * DEEP + b"}",
    "duplicate but cut short": b'{"a":1,"a":2',
}

AMBIGUOUS = {
    "twice": b'{"a":1,"a":1}',
    "twice, and a number out of range": b'{"a":1,"a":1e999}',
    "twice, an empty one": b'{"":1,"":1}',
    "twice by an escape": rb'{"a":1,"\u0061":1}',
    "by case": b'{"a":1,"A":1}',
    "by kelvin sign": '{"key":1,"\u212aey":1}'.encode(),
    "by long s": '{"layers":1,"layer\u017f":1}'.encode(),
    "in a nested object": b'{"x":[{"y":{"b":1,"B":2}}]}',
    "twice in a free-form map": b'{"annotations":{"a":"1","a":"2"}}',
    "by case within a value of a free-form map": b'{"annotations":{"x":{"a":1,"A":2}}}',
    "by case in a list under a free-form key": b'{"annotations":[{"a":1,"A":2}]}',
    "free-form only as spelled": b'{"labels":{"a":1,"A":2}}',
}

ACCEPTED = {
    "plain": b'{"a":1}',
    "white space": b' \n\t\r{"a":1} \n',
    "surrogate pair": rb'{"a":"\ud83d\ude00"}',
    "escaped backslash before what looks like a surrogate": rb'{"a":"\\ud800"}',
    "brackets within a string": b'{"a":"' + b"[" * 1000 + b'"}',
    "quotes and brackets within a string": b'{"a":"' + rb"\"[{" * 1000 + b'"}',
    "as deep as allowed": b'{"a":' + b"[" * (DEEP - 1) + b"]" * (DEEP - 1) + b"}",
    "as wide as one likes": b'{"a":[' + b"[],".join([b""] * 1000) + b"1]}",
    "large integer": b'{"a":' + b"9" * 300 + b"}",
    "by case in annotations": b'{"annotations":{"a":"1","A":"2"}}',
    "by case in Labels": b'{"config":{"Labels":{"a":"1","A":"2"}}}',
    "by case in Volumes": b'{"Volumes":{"/a":{},"/A":{}}}',
    "by case in ExposedPorts": b'{"ExposedPorts":{"80/tcp":{},"80/TCP":{}}}',
    "other letters' case is not folded": '{"é":1,"É":2}'.encode(),
    "underflow": b'{"a":1e-999}',
}


@pytest.mark.parametrize("data", SYNTAX.values(), ids=SYNTAX.keys())
def test_syntax_is_refused(data: bytes) -> None:
    with pytest.raises(ManifestError, match="config") as raised:
        strict_json.loads(data, "config")
    assert type(raised.value) is ManifestError


@pytest.mark.parametrize("data", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_ambiguous_keys_are_refused(data: bytes) -> None:
    with pytest.raises(AmbiguousManifestError, match="the manifest can be read in two ways"):
        strict_json.loads(data, "manifest")


@pytest.mark.parametrize("data", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_accepted(data: bytes) -> None:
    assert isinstance(strict_json.loads(data, "manifest"), dict)


def test_values_are_what_they_say() -> None:
    read = strict_json.loads(rb'{"a": [1, -0, 1.5, "\ud83d\ude00", true, null, {"b": {}}]}', "manifest")
    assert read == {"a": [1, 0, 1.5, "\U0001f600", True, None, {"b": {}}]}


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (string, ["", "x", None], [1, True, [], {}, 1.0]),
        (boolean, [True, False, None], [0, 1, "true", []]),
        (int64, [0, -1, 2**63 - 1, -(2**63), None], [1.0, True, "1", 2**63, -(2**63) - 1, [], 1e3]),
        (
            octets,
            ["", "QUI=", "QUI\n=", "QUJD", [0, 255, None], None],
            ["A", "QUI", "QU=I", "QUJD=", "-_==", [256], [-1]],
        ),
        (empty_struct, [{}, {"a": 1}, None], ["", [], 0, False]),
        (sequence(string), [[], ["a", None], None], ["a", {}, [1], ["a", []]]),
        (mapping(string), [{}, {"a": "b", "c": None}, None], [[], "a", {"a": 1}]),
        (struct({"a": string}), [{}, {"a": None}, {"b": 1}, None], [[], "a", {"a": 1}]),
    ],
)
def test_go_types(check: strict_json.Check, good: list[Any], bad: list[Any]) -> None:
    assert [value for value in good if check(value)] == []
    assert [value for value in bad if not check(value)] == []


def test_a_known_field_in_another_case_is_refused() -> None:
    fields = struct({"layers": sequence(struct({"size": int64}))})
    documents: list[dict[str, Any]] = [
        {"Layers": []},
        {"layers": [{"SIZE": 1}]},
        {"layers": [{}, {"\u017fize": 1}]},
    ]
    for document in documents:
        with pytest.raises(AmbiguousManifestError, match="the manifest can be read in two ways"):
            strict_json.require(document, fields, "manifest")


def test_another_case_outranks_a_wrong_type() -> None:
    fields = struct({"a": string, "b": sequence(struct({"c": int64}))})
    with pytest.raises(AmbiguousManifestError):
        strict_json.require({"a": 1, "b": ["x", {"C": 1}]}, fields, "manifest")


def test_a_wrong_type_says_where() -> None:
    with pytest.raises(
        ManifestError, match="the manifest has a field 'b' that has an element that has a field 'c' that"
    ):
        strict_json.require({"b": [{}, {"c": 1.0}]}, struct({"b": sequence(struct({"c": int64}))}), "manifest")
