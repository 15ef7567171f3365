"""Digests, right and wrong in form.

It is not for whether a digest is that of some bytes.
"""

from __future__ import annotations

import hashlib

from tests.strategies.choices import Choices

VALID = tuple("sha256:" + hashlib.sha256(bytes([number])).hexdigest() for number in range(64))

ODD = (
    "sha512:" + hashlib.sha512(b"").hexdigest(),
    "sha384:" + hashlib.sha384(b"").hexdigest(),
    "",
    "sha256:",
    "sha256:" + "a" * 63,
    "sha256:" + "a" * 65,
    "sha256:" + "A" * 64,
    "sha256:" + "g" * 64,
    "SHA256:" + "a" * 64,
    "md5:" + "a" * 32,
    "sha1:" + "a" * 40,
    "sha512:" + "a" * 64,
    "sha256:" + "a" * 64 + "\n",
    " sha256:" + "a" * 64,
    "sha256:" + "../" * 21 + "a",
    "sha256+b64:" + "a" * 64,
    "sha256:" + "\u0661" * 64,
    "sha256:sha256:" + "a" * 64,
    "a" * 64,
    ":",
    "latest",
)


def valid(choices: Choices) -> str:
    """One of 64, so that two may be equal."""
    return choices.pick(VALID)


def any_form(choices: Choices, one_in: int = 16) -> str:
    """A valid one, but once in `one_in` times an odd one."""
    return choices.mostly(choices.pick(VALID), ODD, one_in)
