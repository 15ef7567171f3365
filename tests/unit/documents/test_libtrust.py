"""What a signed schema 1 manifest's signatures cover, and which keys they may come with."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from pycoco.documents import libtrust
from pycoco.errors import ManifestError

KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "jlM7b6C_e0YluzBmfAH7YH75-LioD-9bMAYocDGHsqM",
    "y": "c-sdveAzGDZtBp-DpvWQAFPHNjPLBBshxV4ahsH0ALQ",
    "kid": "CEEG:MSON:HZOR:RERA:BJBA:BMLF:XPVF:ZH43:I7FI:G6JN:J6NB:54G4",
}


def signature(length: Any = 20, tail: Any = "fQ", **header: Any) -> dict[str, Any]:
    protected = json.dumps({"formatLength": length, "formatTail": tail}).encode()
    return {"header": header, "protected": base64.urlsafe_b64encode(protected).decode().rstrip("=")}


def signed(*signatures: Any) -> bytes:
    return json.dumps({"schemaVersion": 1, "name": "a", "signatures": list(signatures)}).encode()


@pytest.mark.parametrize(
    "signatures",
    [
        pytest.param([signature()], id="no key"),
        pytest.param([signature(jwk=KEY)], id="a key"),
        pytest.param([signature(), signature()], id="two that agree"),
        pytest.param([signature(0, ""), signature()], id="one that leaves it to the next"),
        pytest.param([signature(20.5)], id="a fraction is cut off"),
    ],
)
def test_payload(signatures: list[Any]) -> None:
    assert libtrust.payload(signed(*signatures)) == b'{"schemaVersion": 1,}'


@pytest.mark.parametrize(
    "signatures",
    [
        pytest.param([signature(-1)], id="a negative length"),
        pytest.param([signature(10**6)], id="more than there is"),
        pytest.param([signature("20")], id="a length that is a text"),
        pytest.param([signature(tail=None)], id="no tail"),
        pytest.param([signature(tail="f+Q=")], id="base64 of another alphabet"),
        pytest.param([signature(20), signature(19)], id="two that disagree"),
        pytest.param([{"header": {}, "protected": ""}], id="nothing protected"),
        pytest.param([None], id="no signature"),
        pytest.param([signature(jwk=None)], id="no key in jwk"),
        pytest.param([signature(jwk={**KEY, "kid": "AAAA"})], id="another key's id"),
        pytest.param([signature(jwk={**KEY, "x": KEY["y"]})], id="no point of the curve"),
        pytest.param([signature(jwk={**KEY, "crv": "P-224"})], id="an unknown curve"),
        pytest.param([signature(jwk={"kty": "RSA", "n": "AQAB", "e": "AQAAAAAB"})], id="too large an exponent"),
    ],
)
def test_unreadable_signatures(signatures: list[Any]) -> None:
    with pytest.raises(ManifestError):
        libtrust.payload(signed(*signatures))
