"""Which bytes of a signed schema 1 manifest its signatures cover, and so its digest.

It is not for verifying the signatures: nothing does, here or in containers/image; any key is as good as another.

Mirrors containers/libtrust jsonsign.go (ParsePrettySignature), which containers/image computes the digest by, with all
that it demands of signatures and their keys (key.go, ec_key.go, rsa_key.go, util.go). Where its JSON is not strict,
neither backend takes the manifest for signed properly.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

from pycoco._dataclass import dataclass
from pycoco.documents.syntax import nesting, strict_json
from pycoco.documents.syntax.strict_json import anything, sequence, string, struct
from pycoco.errors import ManifestError

_SIGNATURE = struct(
    {
        "header": struct({"jwk": anything, "alg": string, "x5c": sequence(string)}),
        "signature": string,
        "protected": string,
    }
)
_SIGNED = struct({"signatures": sequence(_SIGNATURE)})
_BASE64URL = re.compile(r"(?:[A-Za-z0-9_-]{4})*(?:[A-Za-z0-9_-]{2}==|[A-Za-z0-9_-]{3}=)?")


@dataclass(frozen=True, slots=True)
class _Curve:
    """A curve of FIPS 186: y² = x³ - 3x + b modulo p, and its object identifier in DER."""

    p: int
    b: int
    identifier: bytes

    @property
    def octets(self) -> int:
        return (self.p.bit_length() + 7) // 8

    def contains(self, x: int, y: int) -> bool:
        return x < self.p and y < self.p and (y * y - (x**3 - 3 * x + self.b)) % self.p == 0


_CURVES = {
    "P-256": _Curve(
        2**256 - 2**224 + 2**192 + 2**96 - 1,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        bytes.fromhex("06082a8648ce3d030107"),
    ),
    "P-384": _Curve(
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
        bytes.fromhex("06052b81040022"),
    ),
    "P-521": _Curve(
        2**521 - 1,
        0x51953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
        bytes.fromhex("06052b81040023"),
    ),
}
_EC_KEY = bytes.fromhex("06072a8648ce3d0201")
_RSA_KEY = bytes.fromhex("06092a864886f70d0101010500")


def payload(data: bytes) -> bytes:
    """Return what the signatures of a signed manifest cover. Raises ManifestError if they do not say."""
    document = strict_json.loads(data, "manifest")
    strict_json.require(document, _SIGNED, "manifest")
    length, tail = 0, b""
    try:
        for signature in document["signatures"] or ():
            this_length, this_tail = _covered(signature)
            # A length of 0 and an empty tail leave it to the next signature.
            if (length and length != this_length) or (tail and tail != this_tail):
                raise ValueError("contradiction")
            length, tail = length or this_length, tail or this_tail
            header = signature.get("header") or {}
            if "jwk" in header:
                _require_key(header["jwk"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError):
        raise ManifestError("the schema 1 manifest's signatures do not say which bytes they cover") from None
    if not 0 <= length <= len(data):
        raise ManifestError("the schema 1 manifest's signatures cover more than there is")
    return data[:length] + tail


def _covered(signature: dict[str, Any]) -> tuple[int, bytes]:
    text = _base64url(signature["protected"]).decode("utf-8", "replace")
    protected = json.loads(nesting.bounded(text), parse_int=float)
    _require_finite(protected)
    length = protected["formatLength"]
    if type(length) is not float:
        raise ValueError("not a number")
    return int(length), _base64url(protected["formatTail"])


def _require_finite(value: Any) -> None:
    # encoding/json refuses numbers beyond a float64, and knows no NaN.
    for element in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _require_finite(element)
    if isinstance(value, float) and not float("-inf") < value < float("inf"):
        raise ValueError("not a number")


def _base64url(text: str) -> bytes:
    # joseBase64UrlDecode skips blanks and line ends.
    encoded = text.replace("\n", "").replace(" ", "")
    encoded = (encoded + "=" * (-len(encoded) % 4)).replace("\r", "")
    if _BASE64URL.fullmatch(encoded) is None or len(encoded) % 4:
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(encoded)


def _require_key(jwk: dict[str, Any]) -> None:
    """Raise ValueError, or what comes of a missing field, unless `jwk` is a key whose "kid" is its own."""
    kind = jwk["kty"]
    if kind not in ("EC", "RSA"):
        raise ValueError("unknown type of key")
    encoded = _ec_key(jwk) if kind == "EC" else _rsa_key(jwk)
    if "kid" in jwk and jwk["kid"] != (_key_id(encoded) if encoded else ""):
        raise ValueError("another key's id")
    if kind == "RSA" and "d" in jwk:
        raise ValueError("a private key")


def _ec_key(jwk: dict[str, Any]) -> bytes:
    """The key in DER (x509.MarshalPKIXPublicKey), empty if it is no point of its curve."""
    curve = _CURVES[jwk["crv"]]
    x, y = _base64url(jwk["x"]), _base64url(jwk["y"])
    if len(x) != curve.octets or len(y) != curve.octets:
        raise ValueError("a coordinate of the wrong length")
    if not curve.contains(int.from_bytes(x, "big"), int.from_bytes(y, "big")):
        return b""
    return _der(0x30, _der(0x30, _EC_KEY + curve.identifier) + _der(0x03, b"\0\4" + x + y))


def _rsa_key(jwk: dict[str, Any]) -> bytes:
    modulus, exponent = _base64url(jwk["n"]), _base64url(jwk["e"])
    if len(exponent) > 4:
        raise ValueError("too large an exponent")
    numbers = b"".join(_der(0x02, _integer(int.from_bytes(number, "big"))) for number in (modulus, exponent))
    return _der(0x30, _der(0x30, _RSA_KEY) + _der(0x03, b"\0" + _der(0x30, numbers)))


def _integer(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _der(tag: int, content: bytes) -> bytes:
    if len(content) < 128:
        return bytes((tag, len(content))) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes((tag, 128 + len(length))) + length + content


def _key_id(encoded: bytes) -> str:
    """The fingerprint that libtrust knows a key by (keyIDFromCryptoKey)."""
    text = base64.b32encode(hashlib.sha256(encoded).digest()[:30]).decode()
    return ":".join(text[at : at + 4] for at in range(0, len(text), 4))
