"""A stored signature's bytes, as Go's []byte is written in JSON. Not for what a signature says."""

from __future__ import annotations

import pytest

from pycoco.documents.signatures import blob
from pycoco.documents.signatures.invalid import InvalidSignatureError
from pycoco.documents.syntax import encoding_json


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("null", None),
        ('""', b""),
        ('"YWI=\\r\\n"', b"ab"),
        ("[]", b""),
        ("[0, null, 255]", b"\x00\x00\xff"),
    ],
)
def test_octets(written: str, expected: bytes | None) -> None:
    assert blob.octets_of("payload", encoding_json.parse(written.encode())) == expected


@pytest.mark.parametrize(
    "written", ["[256]", "[-1]", "[1.0]", '["1"]', "[true]", '"YQ"', '"YWJ"', f"[{'9' * 5000}]", "[1e2]", "{}", "true"]
)
def test_what_is_none(written: str) -> None:
    """Five thousand digits too, which are more than Python's int takes."""
    with pytest.raises(InvalidSignatureError, match="payload is not"):
        blob.octets_of("payload", encoding_json.parse(written.encode()))
