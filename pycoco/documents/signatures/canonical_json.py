"""JSON in its one canonical form (RFC 8785), over which a transparency log signs its entries.

It is not for JSON that is not signed. Mirrors cyberphone/json-canonicalization, which containers/image uses.
"""

from __future__ import annotations

import json
import math

from pycoco.documents.signatures.invalid import InvalidSignatureError
from pycoco.documents.syntax import encoding_json


def canonical(value: encoding_json.Value) -> bytes:
    """Return the canonical form of an object or array, however deep it nests.

    Raises InvalidSignatureError if there is none.
    """
    if not isinstance(value, encoding_json.Object | list):
        raise InvalidSignatureError("canonicalizing Rekor SET JSON: it is neither an object nor an array")
    written: list[bytes] = []
    pending: list[encoding_json.Value | bytes] = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, bytes):
            written.append(item)
        elif isinstance(item, encoding_json.Object):
            pending += reversed(_members(item))
        elif isinstance(item, list):
            pending += reversed(_elements(item))
        elif isinstance(item, encoding_json.Number):
            written.append(_number(item).encode("ascii"))
        elif isinstance(item, str):
            written.append(_text(item))
        else:
            written.append({None: b"null", True: b"true", False: b"false"}[item])
    return b"".join(written)


def _members(value: encoding_json.Object) -> list[encoding_json.Value | bytes]:
    """What an object is written of, in order: values, and the octets between them."""
    found: list[encoding_json.Value | bytes] = [b"{"]
    previous: str | None = None
    for number, (key, item) in enumerate(sorted(value, key=lambda pair: pair[0].encode("utf-16-be"))):
        if key == previous:
            raise InvalidSignatureError(f"canonicalizing Rekor SET JSON: Duplicate key: {key}")
        previous = key
        found += (b"," if number else b"", _text(key) + b":", item)
    return [*found, b"}"]


def _elements(value: list[encoding_json.Value]) -> list[encoding_json.Value | bytes]:
    found: list[encoding_json.Value | bytes] = [b"["]
    for number, item in enumerate(value):
        found += (b"," if number else b"", item)
    return [*found, b"]"]


def _text(text: str) -> bytes:
    # Bytes that are no UTF-8 were replaced while parsing: what a log signed does not verify then.
    return json.dumps(text, ensure_ascii=False).encode("utf-8")


def _number(text: str) -> str:
    """The shortest decimal that is the same float64, as ECMAScript writes it."""
    number = float(text)
    if math.isinf(number):
        raise InvalidSignatureError("canonicalizing Rekor SET JSON: a number is out of range")
    if number == 0:
        return "0"
    digits, _, shift = repr(abs(number)).partition("e")
    whole, _, fraction = digits.partition(".")
    places = int(shift or 0) - len(fraction.rstrip("0"))
    significant = (whole + fraction.rstrip("0")).lstrip("0")
    stripped = significant.rstrip("0")
    places += len(significant) - len(stripped)
    return ("-" if number < 0 else "") + _written(stripped, places, abs(number))


def _written(digits: str, places: int, size: float) -> str:
    """`digits` times ten to the power of `places`."""
    if 1e-6 <= size < 1e21:
        if places >= 0:
            return digits + "0" * places
        if -places < len(digits):
            return f"{digits[:places]}.{digits[places:]}"
        return "0." + "0" * (-places - len(digits)) + digits
    exponent = places + len(digits) - 1
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{rest}e{'+' if exponent >= 0 else '-'}{abs(exponent)}"
