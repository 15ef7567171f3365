"""A refusal's words as far as both backends have to agree about them.

It is not for its class. What a library inside either of them says of broken JSON, keys, packets or certificates
differs; that it is those which are broken does not. Of an OpenPGP message that was tampered with, one may say that it
cannot be read and the other that it does not verify, or that the key is revoked.
"""

from __future__ import annotations

import re

_JSON = (
    "invalid character (?:'.{1,6}'|U[^ ]*)",
    "unexpected end of JSON",
    "json: ",
    "the payload is not valid JSON",
    "JSON object expected",
    "a string is expected",
    "the sigstore signature",
    r"mimeType is not",
    r"payload is not base64",
    r"Field optional\.timestamp is not a number",
    "the number ",
    r"(?:parsing|the) Rekor SET payload(?: is not valid JSON)?: ",
    r"(?:the |decoding the )body of (?:a|the) Rekor SET payload(?: is not valid JSON|: (?!invalid kind))",
    "the Rekor SET is not valid JSON",
    "SignedEntryTimestamp is not base64",
    "canonicalizing Rekor SET JSON",
    "decoding hashedrekod spec",
    "a field of the hashedrekord",
)
_PACKETS = ("invalid data", "unsupported feature", "invalid argument", "malformed message", "unknown critical")
_KEYS = ("signature made by revoked key", "key expired", "signature expired", "invalid signature")

_INNER = (
    (rf"(?:{'|'.join(_JSON)})[^;,]*(?:, got [^;,]*)?", "<JSON>"),
    (r"parsing signature .*?: (?=[a-z<])", "parsing signature: "),
    (rf"(?:signature error: )?openpgp: (?:{'|'.join((*_PACKETS, *_KEYS))})[^;]*", "<message>"),
    (r"(?:unexpected EOF|EOF|not signed)(?=;|$)", "<message>"),
    (r"(?:flate: corrupt|bzip2 data invalid|zlib: invalid|openpgp: the message stands)[^;]*", "<message>"),
    (r"x509: [^;]*", "<certificate>"),
    (r'(signature in Rekor SET does not match): "(?:[^"\\]|\\.)*" vs\. "(?:[^"\\]|\\.)*"', r"\1"),
    (r"(hashedrekord version) [^;,]*", r"\1"),
    (r"(field in hashedrekord): [^;,]*", r"\1"),
    (
        r"ecdsa: Invalid IEEE_P1363 encoded bytes|invalid signature when validating [A-Z0-9_.]+ encoded signature",
        "<ECDSA>",
    ),
    (r"(invalid ASN\.1 in OIDC issuer v2 extension)[^;,]*", r"\1"),
    (r"illegal base64 data[^,;]*|(?:the signature|it) is not base64", "<base64>"),
)


def comparable(words: str) -> str:
    """Return `words` with what only one library says replaced by what it is about."""
    for pattern, instead in _INNER:
        words = re.sub(pattern, instead, words)
    return words
