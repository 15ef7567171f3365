"""Digests as `algorithm:hex` text: valid or not, computed, compared with bytes.

It is not for references (`repo@digest`), nor for deciding what a mismatch means to a caller.

The rules are those of opencontainers/go-digest v1.0.0 (Digest.Validate, Algorithm.Validate): sha256, sha384 and sha512
only, lower-case hexadecimal, exact length.
"""

from __future__ import annotations

import hashlib

from pycoco._pattern import pattern

_DIGEST = pattern(r"sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128}")
_HASHES = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}


def is_valid(digest: str) -> bool:
    """Say whether `digest` may stand in a URL or a path: a known algorithm and as much hexadecimal as it needs."""
    return _DIGEST.fullmatch(digest) is not None


def of(data: bytes, algorithm: str = "sha256") -> str:
    """Return the digest of `data` as `algorithm:hex`; `algorithm` is sha256, sha384 or sha512."""
    if algorithm not in _HASHES:
        raise ValueError(f"digests are sha256, sha384 or sha512, not {algorithm!r}")
    return f"{algorithm}:{_HASHES[algorithm](data).hexdigest()}"


def matches(data: bytes, digest: str) -> bool:
    """Say whether `digest` is valid and is the digest of `data`, in whichever of the three algorithms it names."""
    return is_valid(digest) and of(data, digest.partition(":")[0]) == digest
