"""JSON that every reader must read alike: strict syntax, unambiguous keys, and fields with Go's types.

It is not for knowing which fields a manifest has (see `manifest` and `image_config`), nor for tolerant reading.

encoding/json, which containers/image uses, matches keys without regard to case, merges duplicate keys, replaces bad
UTF-8 and ignores fields it does not know; Python's json does none of that. Rather than imitate each quirk, both
backends refuse what they could read differently. The rule, in the order in which it decides what is raised:

0. Size (ManifestError): at most VALUE_LIMIT commas, "[" and "{", those in texts included.
1. Syntax (ManifestError): UTF-8 without a byte order mark; one RFC 8259 value, an object, with nothing after it but
   white space; no NaN or Infinity; no escaped surrogate (\\ud800) without its other half; objects and arrays nested at
   most DEPTH_LIMIT deep, the outermost counting as 1.
2. Keys (AmbiguousManifestError): no key twice in one object, and no two keys that differ only by case. A to Z count as
   a to z, U+017F as s and U+212A as k, which is all that encoding/json folds onto an ASCII name. Exempt from the rule
   about case are free-form maps, the objects under a key spelled exactly annotations, Labels, Volumes or ExposedPorts,
   at any depth.
3. Numbers (ManifestError): none beyond a float64, such as 1e999 or an integer of 400 digits, anywhere.
4. Known fields (AmbiguousManifestError): a key that is a known field in another case ("Layers" for "layers").
5. Types (ManifestError): as encoding/json decodes into the Go struct, where null leaves any field as if it were absent.

Each step looks at the whole document before the next one starts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from math import isinf
from typing import Any, TypeAlias

from pycoco._pattern import pattern
from pycoco.documents.syntax import nesting
from pycoco.errors import AmbiguousManifestError, ManifestError

DEPTH_LIMIT = nesting.LIMIT
"""How deep objects and arrays may nest."""

VALUE_LIMIT = 250_000
"""How many values there may be, about. No image has a hundredth of them. Python's parser, which lets no other thread
run meanwhile, needs some 50 ms for so many, and for the million that 4 MiB can hold half a second."""

FREE_FORM_MAPS = frozenset({"annotations", "Labels", "Volumes", "ExposedPorts"})

_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ\u017f\u212a"
_FOLDED = str.maketrans(_UPPER, _UPPER[:26].lower() + "sk")

_SURROGATE_ESCAPE = pattern(r"\\u[dD][89a-fA-F]")
_ESCAPE = pattern(r"\\(?:u([0-9a-fA-F]{4})|.)")


def fold(key: str) -> str:
    """Return `key` as encoding/json compares it with an ASCII field name (encoding/json/fold.go)."""
    return key.lower() if key.isascii() else key.translate(_FOLDED)


def loads(data: bytes, what: str) -> dict[str, Any]:
    """Parse `data` by steps 1 to 3 of the rule; `what` names the document in errors ("manifest", "config").

    Raises ManifestError for what is not strict JSON and AmbiguousManifestError for duplicate or case-variant keys.
    """
    if data.count(b",") + data.count(b"[") + data.count(b"{") > VALUE_LIMIT:
        raise ManifestError(f"the {what} has more than {VALUE_LIMIT} values; no image needs so many")
    text = _decoded(data, what)
    watched = _spare.pop() if _spare else _Watched()
    try:
        return _parsed(text, what, watched)
    finally:
        watched.clear()
        _spare.append(watched)


def _parsed(text: str, what: str, watched: _Watched) -> dict[str, Any]:
    if nesting.exceeds(text, DEPTH_LIMIT):  # first: the parser could end the process
        raise ManifestError(f"the {what} is nested more than {DEPTH_LIMIT} deep")
    try:
        document = watched.parse(text)
    except RecursionError:
        raise ManifestError(f"the {what} is nested too deeply to be read") from None
    except ValueError as error:
        raise ManifestError(f"the {what} is not valid JSON ({error})") from None
    if _has_lone_surrogate(text):
        raise ManifestError(f"the {what} is not valid JSON (it escapes half of a surrogate pair)")
    if type(document) is not dict:
        raise ManifestError(f"the {what} is not a JSON object")
    ambiguity = watched.ambiguity(document)
    if ambiguity:
        raise AmbiguousManifestError(f"the {what} can be read in two ways: {ambiguity}")
    if watched.out_of_range:
        raise ManifestError(f"the {what} has a number that is out of range")
    return document


def _decoded(data: bytes, what: str) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ManifestError(f"the {what} is not valid UTF-8, at byte {error.start}") from None
    if text.startswith("\ufeff"):
        raise ManifestError(f"the {what} starts with a byte order mark, which JSON does not allow")
    return text


class _Watched:
    """Python's parser, and what it has built: the objects, the innermost first, and whether a number was too large.

    To make one takes as long as to read a small manifest: one that has been used is used again.
    """

    def __init__(self) -> None:
        self.objects: list[dict[str, Any]] = []
        self.repeated: list[str] = []
        self.out_of_range: list[str] = []
        keep = self.objects.append

        def built(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
            found = dict(pairs)
            if len(found) != len(pairs):
                self.repeated.append(_first_repeated(key for key, _ in pairs) or "")
            keep(found)
            return found

        def integer(literal: str) -> int | float:
            # An int64 has at most 20 characters. Longer ones are no integer field's value, and int() refuses 4301.
            return int(literal) if len(literal) <= 20 else number(literal)

        def number(literal: str) -> float:
            found = float(literal)
            if isinf(found):
                self.out_of_range.append(literal)
            return found

        self.parse = json.JSONDecoder(
            object_pairs_hook=built, parse_int=integer, parse_float=number, parse_constant=_constant
        ).decode

    def ambiguity(self, document: dict[str, Any]) -> str:
        if self.repeated:
            return f"an object has the key {self.repeated[-1]!r} twice"
        # Where no two keys of the whole document are variants none of one object are, and that is nearly always so.
        keys = set().union(*self.objects)
        if len(_all_folded(keys)) == len(keys):
            return ""
        twice = _case_variant(document)
        return "" if twice is None else f"an object has two keys that differ from {twice!r} only by case"

    def clear(self) -> None:
        self.objects.clear()
        self.repeated.clear()
        self.out_of_range.clear()


_spare: list[_Watched] = []
"""Those that no thread is using; a list's append and pop are one step each."""


def _case_variant(document: dict[str, Any]) -> str | None:
    """Return a key, folded, of which an object that is no free-form map has two variants."""
    pending: list[tuple[Any, bool]] = [(document, False)]
    while pending:
        value, is_free_form = pending.pop()
        if type(value) is list:
            pending.extend((element, False) for element in value)
        elif type(value) is dict:
            if not is_free_form and (twice := _first_repeated(map(fold, value))) is not None:
                return twice
            pending.extend((member, key in FREE_FORM_MAPS) for key, member in value.items())
    return None


def _all_folded(keys: Iterable[str]) -> set[str]:
    # As fold() does each. The keys of nearly all documents are ASCII.
    return {key.lower() for key in keys} if "".join(keys).isascii() else set(map(fold, keys))


def _first_repeated(keys: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for key in keys:
        if key in seen:
            return key
        seen.add(key)
    return None


def _constant(name: str) -> float:
    raise ValueError(f"{name} is not a JSON value")


def _has_lone_surrogate(text: str) -> bool:
    """Look at the escapes of valid JSON: a high half must be followed at once by a low one, and none comes first."""
    if "\\u" not in text or not _SURROGATE_ESCAPE.search(text):
        return False
    high_ends_at = -1
    for escape in _ESCAPE.finditer(text):
        code = int(escape[1], 16) if escape[1] else 0
        completes = 0xDC00 <= code <= 0xDFFF and escape.start() == high_ends_at
        if not completes and (high_ends_at >= 0 or 0xDC00 <= code <= 0xDFFF):
            return True
        high_ends_at = escape.end() if 0xD800 <= code <= 0xDBFF else -1
    return high_ends_at >= 0


# Fields with Go's types. A check takes a value as parsed by loads() and returns what is wrong with it, or "".

Check: TypeAlias = Callable[[Any], str]


def string(value: Any) -> str:
    """Go's string (and digest.Digest)."""
    return "" if value is None or type(value) is str else "is not a string"


def boolean(value: Any) -> str:
    """Go's bool."""
    return "" if value is None or type(value) is bool else "is not true or false"


def int64(value: Any) -> str:
    """Go's int64 and int: a literal without fraction or exponent that fits (strconv.ParseInt)."""
    if value is None or (type(value) is int and -(2**63) <= value < 2**63):
        return ""
    return "is not an integer of 64 bits"


_BASE64 = pattern(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


def octets(value: Any) -> str:
    """Go's []byte: padded standard base64, in which line ends are skipped, or an array of small integers."""
    if value is None:
        return ""
    if type(value) is str:
        encoded = value.replace("\r", "").replace("\n", "")
        return "" if _BASE64.fullmatch(encoded) else "is not base64"
    if type(value) is list and all(item is None or (type(item) is int and 0 <= item <= 255) for item in value):
        return ""
    return "is not base64"


def empty_struct(value: Any) -> str:
    """Go's struct{}: any object, whatever it holds."""
    return "" if value is None or type(value) is dict else "is not an object"


def sequence(item: Check) -> Check:
    """A Go slice of what `item` checks; a null element is the type's zero value."""

    def check(value: Any) -> str:
        if value is None:
            return ""
        if type(value) is not list:
            return "is not an array"
        wrong = ""
        for element in value:
            found = item(element)  # every element is looked at: a key in another case outranks a wrong type
            wrong = wrong or (found and f"has an element that {found}")
        return wrong

    return check


def mapping(item: Check) -> Check:
    """A Go map from string to what `item` checks."""

    def check(value: Any) -> str:
        if value is None:
            return ""
        if type(value) is not dict:
            return "is not an object"
        wrong = ""
        for key, element in value.items():
            found = item(element)
            wrong = wrong or (found and f"has the key {key[:100]!r}, whose value {found}")
        return wrong

    return check


def struct(fields: Mapping[str, Check]) -> Check:
    """A Go struct with these JSON field names; other keys are ignored unless they are a field in another case."""
    by_folded = {fold(name): name for name in fields}

    def check(value: Any) -> str:
        if value is None:
            return ""
        if type(value) is not dict:
            return "is not an object"
        wrong = ""
        for key, element in value.items():
            field = fields.get(key)
            if field is None:
                if fold(key) in by_folded:
                    name = by_folded[fold(key)]
                    raise AmbiguousManifestError(f"the key {key!r} is {name!r} to some readers and unknown to others")
            elif field is string and type(element) is str:
                continue  # most of what there is: not worth a call
            elif found := field(element):
                wrong = wrong or f"has a field {key!r} that {found}"
        return wrong

    return check


def anything(value: Any) -> str:
    """Go's any: a field that only has to be known by name."""
    return ""


def require(document: dict[str, Any], fields: Check, what: str) -> None:
    """Hold a parsed document to steps 4 and 5 of the rule.

    Raises AmbiguousManifestError for a known field in another case, ManifestError for a field of the wrong type.
    """
    try:
        wrong = fields(document)
    except AmbiguousManifestError as error:
        raise AmbiguousManifestError(f"the {what} can be read in two ways: {error}") from None
    if wrong:
        raise ManifestError(f"the {what} {wrong}")
