"""Keys and messages of OpenPGP that are not quite as they should be: both backends take the same ones.

It is not for what only one of them takes (test_policy_differences.py). Each row is one way by which somebody could try
to have a key or a signature counted that does not count.
"""

from __future__ import annotations

import base64
import json
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.parity.twins import Case, Twins
from tests.strategies import policies
from tests.support.signing.packets import (
    COMPRESSED,
    COMPROMISED,
    DIRECT,
    EDDSA,
    FUTURE,
    GENERIC,
    IDENTITY,
    IDENTITY_REVOCATION,
    KEY,
    MADE,
    MARKER,
    RSA,
    RSA_SIGN_ONLY,
    SIGNATURE,
    SUBKEY,
    SUBKEY_REVOCATION,
    TEXT,
    TRUST,
    USER,
    Key,
    announced,
    bound,
    certified,
    flags,
    identity,
    key_lifetime,
    lifetime,
    literal,
    message,
    packet,
    subpacket,
    whole,
)
from tests.support.tools import require_tool

CONTENT = policies.payload_of("atomic container signature")

A, B, C = Key(), Key(), Key(made=MADE + 5)
R = Key(RSA)
SIGNED, BY_B = packet(SIGNATURE, A.sign(CONTENT)), packet(SIGNATURE, B.sign(CONTENT))
OLD, YOUNG = MADE + 10, MADE + 20
EXPIRED = flags(3) + key_lifetime(10)
BODY = literal(CONTENT)
HINT: dict[str, Any] = {"named": b"", "unhashed": B.issuer}
"""Made by one who says that it was somebody else."""

KEYS: dict[str, tuple[bool, Callable[[], bytes]]] = {
    "a key": (True, lambda: whole(A)),
    "two keys": (True, lambda: whole(B) + whole(A)),
    "renewed after it signed": (True, lambda: whole(A, identity(A, more=EXPIRED), certified(A, made=FUTURE - 200_000))),
    "of which somebody else says whose it is": (True, lambda: whole(A, identity(A), certified(A, kind=GENERIC, by=B))),
    "with packets that do not matter": (
        True,
        lambda: packet(MARKER, b"PGP") + whole(A, packet(TRUST, b"x"), identity(A), packet(TRUST, b"x")),
    ),
    "after something that is nobody's": (True, lambda: packet(IDENTITY, b"x") + whole(A)),
    "after a key of version 3": (True, lambda: packet(KEY, b"\3" + bytes(20)) + packet(IDENTITY, b"x") + whole(A)),
    "beside a broken key": (True, lambda: whole(B, identity(B, corrupt=True)) + whole(A)),
    "expired": (False, lambda: whole(A, identity(A, more=EXPIRED))),
    "not made yet": (False, lambda: whole(A, identity(A, made=FUTURE))),
    "not for signing": (False, lambda: whole(A, identity(A, more=flags(1)))),
    "without flags": (False, lambda: whole(A, identity(A, more=b""))),
    "without an identity": (False, lambda: packet(KEY, A.body)),
    "of an identity that only somebody else vouches for": (False, lambda: whole(A, identity(A, by=B))),
    "whose own signature is invalid": (False, lambda: whole(A, identity(A, corrupt=True))),
    "whose younger signature is invalid": (
        False,
        lambda: whole(A, identity(A, more=EXPIRED), certified(A, made=YOUNG, corrupt=True)),
    ),
    "one of whose identities is invalid": (False, lambda: whole(A, identity(A), identity(A, b"x", corrupt=True))),
    "with a signature that stands at another identity": (
        False,
        lambda: whole(A, identity(A), packet(IDENTITY, b"x"), certified(A, made=YOUNG)),
    ),
    "with a signature of another kind": (
        False,
        lambda: whole(A, identity(A), packet(SIGNATURE, A.sign(A.hashed, DIRECT))),
    ),
    "whose own signature is not for others": (
        False,
        lambda: whole(A, identity(A, more=flags(3) + subpacket(4, b"\0"))),
    ),
    "whose identity is there twice, expired the second time": (
        False,
        lambda: whole(A, identity(A, made=YOUNG), identity(A, made=OLD, more=EXPIRED)),
    ),
    "whose primary identity has expired": (
        False,
        lambda: whole(A, identity(A, more=EXPIRED + subpacket(25, b"\1")), identity(A, b"x", made=YOUNG)),
    ),
    "with notations that must be understood": (
        False,
        lambda: whole(A, identity(A, more=flags(3) + subpacket(20, bytes(5) + b"\1\0\1ab", critical=True))),
    ),
    "revoked": (False, lambda: whole(A, A.revoked(), identity(A))),
    "revoked by one who says that it was somebody else": (False, lambda: whole(A, A.revoked(**HINT), identity(A))),
    "revoked by somebody else": (False, lambda: whole(A, A.revoked(by=B), identity(A))),
    "revoked invalidly": (False, lambda: whole(A, A.revoked(corrupt=True), identity(A))),
    "revoked from tomorrow on": (True, lambda: whole(A, A.revoked(made=FUTURE), identity(A))),
    "revoked for a moment": (True, lambda: whole(A, A.revoked(more=lifetime(5)), identity(A))),
    "known to somebody else from tomorrow on": (
        False,
        lambda: whole(A, A.revoked(made=FUTURE, more=COMPROMISED), identity(A)),
    ),
    "known to somebody else for a moment": (
        False,
        lambda: whole(A, A.revoked(more=lifetime(5) + COMPROMISED), identity(A)),
    ),
    "whose identity is revoked": (
        False,
        lambda: whole(A, identity(A), certified(A, kind=IDENTITY_REVOCATION, made=OLD, more=b"")),
    ),
    "whose identity is revoked from tomorrow on": (
        True,
        lambda: whole(A, identity(A), certified(A, kind=IDENTITY_REVOCATION, made=FUTURE, more=b"")),
    ),
    "whose identity is compromised from tomorrow on": (
        False,
        lambda: whole(A, identity(A), certified(A, kind=IDENTITY_REVOCATION, made=FUTURE, more=COMPROMISED)),
    ),
    "revoked in the first of two copies": (False, lambda: whole(A, A.revoked(), identity(A)) + whole(A)),
    "revoked in the first of two copies, by an unknown": (
        False,
        lambda: whole(A, A.revoked(**HINT), identity(A)) + whole(A),
    ),
    "before a packet that must be understood": (False, lambda: whole(A) + packet(30, b"x")),
    "before something that is no key": (False, lambda: whole(A) + literal(b"x")),
    "with a subkey that is not bound": (False, lambda: whole(A, identity(A), packet(SUBKEY, C.body))),
    "with a subkey that somebody else bound": (
        False,
        lambda: whole(A, identity(A), packet(SUBKEY, C.body), bound(A, C, by=B)),
    ),
    "with a subkey that did not agree": (
        False,
        lambda: whole(A, identity(A), packet(SUBKEY, C.body), bound(A, C, cross=b"")),
    ),
    "with a subkey that is revoked": (
        True,
        lambda: whole(A, identity(A), packet(SUBKEY, C.body), bound(A, C), bound(A, C, SUBKEY_REVOCATION)),
    ),
}

BY_SUBKEY: dict[str, tuple[bool, Callable[[], list[bytes]]]] = {
    "a subkey": (True, lambda: [bound(A, C)]),
    "expired": (False, lambda: [bound(A, C, more=key_lifetime(10))]),
    "bound again, younger": (True, lambda: [bound(A, C, more=key_lifetime(10)), bound(A, C, made=YOUNG)]),
    "bound again, invalidly": (
        False,
        lambda: [bound(A, C, more=key_lifetime(10)), bound(A, C, made=YOUNG, corrupt=True)],
    ),
    "bound for a moment": (False, lambda: [bound(A, C, more=lifetime(10))]),
    "bound from tomorrow on": (False, lambda: [bound(A, C, made=FUTURE)]),
    "that agreed for a moment": (
        False,
        lambda: [bound(A, C, cross=C.sign(A.hashed + C.hashed, 0x19, made=C.made, more=lifetime(5)))],
    ),
    "that agreed invalidly": (
        False,
        lambda: [bound(A, C, cross=C.sign(A.hashed + C.hashed, 0x19, made=C.made, corrupt=True))],
    ),
    "that agreed to somebody else": (
        False,
        lambda: [bound(A, C, cross=C.sign(B.hashed + C.hashed, 0x19, made=C.made))],
    ),
    "that agreed twice": (False, lambda: [bound(A, C, more=subpacket(32, C.sign(A.hashed + C.hashed, 0x19)))]),
    "that is not for others": (False, lambda: [bound(A, C, more=subpacket(4, b"\0"))]),
    "revoked": (False, lambda: [bound(A, C), bound(A, C, SUBKEY_REVOCATION)]),
    "revoked by one who says that it was somebody else": (
        False,
        lambda: [bound(A, C), bound(A, C, SUBKEY_REVOCATION, **HINT)],
    ),
    "revoked by somebody else": (False, lambda: [bound(A, C), bound(A, C, SUBKEY_REVOCATION, by=B)]),
    "compromised from tomorrow on": (
        False,
        lambda: [bound(A, C), bound(A, C, SUBKEY_REVOCATION, made=FUTURE, more=COMPROMISED)],
    ),
    "with a signature of another kind": (False, lambda: [bound(A, C), packet(SIGNATURE, A.sign(A.hashed, DIRECT))]),
    "before one that is broken": (False, lambda: [bound(A, C), packet(SUBKEY, B.body), bound(A, B, corrupt=True)]),
    "before one that is not bound": (False, lambda: [bound(A, C), packet(SUBKEY, B.body)]),
}

MESSAGES: dict[str, tuple[bool, Callable[[], bytes]]] = {
    "a message": (True, lambda: message(A, CONTENT)),
    "compressed": (True, lambda: packet(COMPRESSED, b"\2" + zlib.compress(message(A, CONTENT)))),
    "of two who signed": (True, lambda: announced(B, is_last=False) + announced(A) + BODY + SIGNED + BY_B),
    "of another who signed first": (True, lambda: announced(A) + BODY + BY_B + SIGNED),
    "after which anything follows": (True, lambda: message(A, CONTENT) + b"junk"),
    "with a signature of version 3 before": (
        True,
        lambda: announced(A) + BODY + packet(SIGNATURE, b"\3" + bytes(30)) + SIGNED,
    ),
    "with a packet that does not matter before the signature": (
        True,
        lambda: announced(A) + BODY + packet(TRUST, b"x") + SIGNED,
    ),
    "with lines": (True, lambda: announced(A, TEXT) + BODY + packet(SIGNATURE, A.sign(CONTENT, TEXT))),
    "with nested announcements": (False, lambda: announced(B) + announced(A) + BODY + SIGNED + BY_B),
    "with another literal before the signature": (False, lambda: announced(A) + BODY + literal(b"x") + SIGNED),
    "of another literal": (False, lambda: announced(A) + literal(b"{}") + BODY + SIGNED),
    "with an unknown packet before the signature": (False, lambda: announced(A) + BODY + packet(30, b"x") + SIGNED),
    "with a broken key before the signature": (False, lambda: announced(A) + BODY + packet(KEY, b"\4x") + SIGNED),
    "with an empty signature before": (False, lambda: announced(A) + BODY + packet(SIGNATURE, b"") + SIGNED),
    "signed twice by one key": (False, lambda: announced(A) + BODY + SIGNED + SIGNED),
    "with one invalid signature by that key": (
        False,
        lambda: announced(A) + BODY + packet(SIGNATURE, A.sign(CONTENT, corrupt=True)) + SIGNED,
    ),
    "with one that only claims to be by that key": (
        False,
        lambda: announced(A) + BODY + packet(SIGNATURE, B.sign(CONTENT, named=B.named, unhashed=A.issuer)) + SIGNED,
    ),
    "whose signature is not announced": (False, lambda: BODY + SIGNED),
    "whose signature goes first": (False, lambda: SIGNED + BODY),
    "whose signature is announced as another kind": (False, lambda: announced(A, 0x10) + BODY + SIGNED),
    "whose signature is detached": (False, lambda: SIGNED),
    "whose signature is not for others": (False, lambda: message(A, CONTENT, more=subpacket(4, b"\0"))),
    "whose signature has one inside": (False, lambda: message(A, CONTENT, more=subpacket(32, A.sign(CONTENT)))),
    "whose signature must be understood": (False, lambda: message(A, CONTENT, more=subpacket(99, b"x", critical=True))),
    "whose signature has expired": (False, lambda: message(A, CONTENT, more=lifetime(5))),
    "signed tomorrow": (False, lambda: message(A, CONTENT, made=FUTURE)),
    "of another content": (False, lambda: announced(A) + literal(CONTENT + b" ") + SIGNED),
    "whose lines end otherwise": (
        False,
        lambda: announced(A, TEXT) + literal(CONTENT + b"\r") + packet(SIGNATURE, A.sign(CONTENT + b"\r\n", TEXT)),
    ),
    "whose lines were written anew": (
        True,
        lambda: announced(A, TEXT) + literal(CONTENT + b"\n") + packet(SIGNATURE, A.sign(CONTENT + b"\r\n", TEXT)),
    ),
}


def judge(twins: Twins, keys: bytes, stored: bytes, accepted: bool) -> None:
    encoded = base64.b64encode(keys).decode()
    policy = json.dumps({"default": [{"type": "signedBy", "keyType": "GPGKeys", "keyData": encoded}]}).encode()
    case = Case("evaluate_policy", ((policy, policies.REFERENCES[0], policies.MANIFESTS[0], (stored,)),))
    ((go,), (python,)) = twins.answers(case)
    assert "panicked" not in getattr(go, "words", "")  # it ends a process in which Go's signal handlers are no more
    assert (go == "default: signedBy", python == "default: signedBy") == (accepted, accepted), (go, python)


@pytest.mark.parametrize("name", KEYS)
def test_keys(name: str, twins: Twins) -> None:
    accepted, made = KEYS[name]
    judge(twins, made(), message(A, CONTENT), accepted)


@pytest.mark.parametrize("name", BY_SUBKEY)
def test_subkeys(name: str, twins: Twins) -> None:
    accepted, made = BY_SUBKEY[name]
    judge(twins, whole(A, identity(A), packet(SUBKEY, C.body), *made()), message(C, CONTENT), accepted)


@pytest.mark.parametrize("name", MESSAGES)
def test_messages(name: str, twins: Twins) -> None:
    accepted, made = MESSAGES[name]
    judge(twins, whole(B) + whole(A), made(), accepted)


@pytest.mark.parametrize("algorithm", [RSA, RSA_SIGN_ONLY])
@pytest.mark.parametrize("said", [RSA, RSA_SIGN_ONLY, EDDSA])
def test_a_signature_is_of_its_keys_algorithm(algorithm: int, said: int, twins: Twins) -> None:
    key = Key(algorithm, private=R.private)
    judge(twins, whole(key), message(key, CONTENT, algorithm=said), algorithm == said)


def test_a_subkey_of_a_key_whose_identity_is_only_revoked(twins: Twins) -> None:
    """go-crypto would panic: no such key is handed to it, and others still count."""
    revoked = packet(IDENTITY, USER) + certified(A, kind=IDENTITY_REVOCATION, more=b"")
    judge(twins, whole(A, revoked, packet(SUBKEY, C.body), bound(A, C)), message(C, CONTENT), accepted=False)
    judge(twins, whole(A), message(A, CONTENT), accepted=True)


def test_what_only_somebody_elses_subkey_signed(twins: Twins) -> None:
    stolen = packet(SUBKEY, C.body) + bound(B, C, cross=C.sign(A.hashed + C.hashed, 0x19, made=C.made))
    judge(twins, whole(B, identity(B), stolen), message(C, CONTENT), accepted=False)


@pytest.fixture
def gpg(tmp_path: Path) -> Iterator[Callable[..., bytes]]:
    tmp_path.chmod(0o700)
    environment = {"GNUPGHOME": str(tmp_path), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}

    def run(when: str, *arguments: str, given: bytes = b"") -> bytes:
        command = [require_tool("gpg"), "--batch", "--pinentry-mode", "loopback", "--passphrase", ""]
        command += ["--faked-system-time", when, *arguments]
        return subprocess.run(command, env=environment, input=given, check=True, capture_output=True, timeout=60).stdout

    yield run
    subprocess.run([require_tool("gpgconf"), "--kill", "all"], env=environment, check=True, capture_output=True)


def test_a_key_that_gpg_renewed_after_it_signed(gpg: Callable[..., bytes], twins: Twins) -> None:
    gpg("20250601T000000", "--quick-gen-key", USER.decode(), "ed25519", "sign", "2y")
    signed = gpg("20250701T000000", "--sign", given=CONTENT)
    listed = gpg("20250801T000000", "--list-keys", "--with-colons").decode().splitlines()
    fingerprint = next(line.split(":")[9] for line in listed if line.startswith("fpr:"))
    gpg("20260101T000000", "--quick-set-expire", fingerprint, "20y")
    judge(twins, gpg("20260201T000000", "--export"), signed, accepted=True)
