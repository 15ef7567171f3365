"""What the two backends judge differently, each time the Python one more strictly, and states of keys in plain words.

It is not for what they judge alike (test_pure_operations.py, test_policy_fixtures.py).
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pysequoia
import pytest
from cryptography.x509.oid import ObjectIdentifier

from pycoco.backends.contract import Session
from pycoco.backends.select import select
from pycoco.configuration.settings import Settings
from pycoco.errors import PolicyRejectedError
from tests.strategies.policies import DIGESTS, MANIFESTS
from tests.support.signing import packets, signers
from tests.support.tools import require_tool

REFERENCE = "q.io/ns/app:v1"


def payload(kind: str) -> bytes:
    image, identity = {"docker-manifest-digest": DIGESTS[0]}, {"docker-reference": REFERENCE}
    return json.dumps({"critical": {"type": kind, "image": image, "identity": identity}, "optional": {}}).encode()


SIMPLE, SIGSTORE = payload("atomic container signature"), payload("cosign container image signature")


@pytest.fixture(params=["go", "python"])
def opened(request: pytest.FixtureRequest) -> Iterator[tuple[str, Session]]:
    session = select(request.param).open(Settings(environ=dict(os.environ)))
    yield request.param, session
    session.close()


def judge(session: Session, requirement: dict[str, Any], signature: bytes) -> str:
    policy = json.dumps({"default": [requirement]}).encode()
    return session.evaluate_policy(policy, REFERENCE, MANIFESTS[0], [signature])


def signed_by(public: bytes) -> dict[str, Any]:
    return {"type": "signedBy", "keyType": "GPGKeys", "keyData": base64.b64encode(public).decode()}


def of_sha1(directory: Path) -> tuple[bytes, bytes]:
    return by_gpg(directory, "rsa2048", "--digest-algo", "SHA1")


def on_brainpool(directory: Path) -> tuple[bytes, bytes]:
    return by_gpg(directory, "brainpoolP256r1")


def compressed_in_part(_: Path) -> tuple[bytes, bytes]:
    key = packets.Key()
    inner = packets.packet(packets.COMPRESSED, b"\2" + zlib.compress(packets.literal(SIMPLE)))
    signature = packets.packet(packets.SIGNATURE, key.sign(SIMPLE))
    return packets.announced(key) + inner + signature, packets.whole(key)


def by_gpg(directory: Path, algorithm: str, *options: str) -> tuple[bytes, bytes]:
    environment = {"GNUPGHOME": str(directory), "HOME": str(directory), "PATH": "/usr/bin:/bin"}
    directory.chmod(0o700)

    def gpg(*arguments: str, given: bytes = b"") -> bytes:
        command = [require_tool("gpg"), "--batch", "--pinentry-mode", "loopback", *arguments]
        ran = subprocess.run(command, env=environment, input=given, check=True, capture_output=True, timeout=60)
        return ran.stdout

    gpg("--passphrase", "", "--quick-gen-key", "old@pycoco.invalid", algorithm, "sign", "never")
    made = gpg(*options, "--sign", given=SIMPLE), gpg("--export")
    subprocess.run([require_tool("gpgconf"), "--kill", "all"], env=environment, check=True, capture_output=True)
    return made


def of_version_6(_: Path) -> tuple[bytes, bytes]:
    key = pysequoia.Tsk.generate("new@pycoco.invalid", profile=pysequoia.Profile.RFC9580)
    return pysequoia.sign(key.signer(), SIMPLE, armor=False), bytes(key.extract_certificate())


@pytest.mark.parametrize("make", [of_sha1, of_version_6, on_brainpool, compressed_in_part])
def test_what_only_one_backend_takes(
    make: Callable[[Path], tuple[bytes, bytes]], opened: tuple[str, Session], tmp_path: Path
) -> None:
    name, session = opened
    signature, public = make(tmp_path)
    if name == "go":
        assert judge(session, signed_by(public), signature) == "default: signedBy"
        return
    with pytest.raises(PolicyRejectedError):
        judge(session, signed_by(public), signature)


def test_a_certificate_with_an_extension_that_nobody_could_have_written(opened: tuple[str, Session]) -> None:
    # A list of extended usages has to have one; go's reader takes none for any.
    certified, root = signers.issued_with(ObjectIdentifier("2.5.29.37"), b"\x30\x00")
    judge_certified(opened, root, certified, "error parsing asn1 value")


def test_an_authority_with_name_constraints(opened: tuple[str, Session]) -> None:
    root, certified = signers.constrained_authority()
    judge_certified(opened, root, certified, "unhandled critical extension")


def judge_certified(opened: tuple[str, Session], root: bytes, certified: signers.Certified, reason: str) -> None:
    name, session = opened
    annotations = {
        "dev.cosignproject.cosign/signature": base64.b64encode(certified.key.sign(SIGSTORE)).decode(),
        "dev.sigstore.cosign/certificate": certified.leaf.decode(),
    }
    pki = {"caRootsData": base64.b64encode(root).decode(), "subjectEmail": signers.EMAIL}
    requirement, signature = {"type": "sigstoreSigned", "pki": pki}, signers.attachment(SIGSTORE, annotations)
    if name == "go":
        assert judge(session, requirement, signature) == "default: sigstoreSigned"
        return
    with pytest.raises(PolicyRejectedError, match=reason):
        judge(session, requirement, signature)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("revoked", "signature error: openpgp: signature made by revoked key"),
        ("expired", "signature error: openpgp: key expired"),
    ],
)
def test_a_key_that_does_not_count_any_more(name: str, words: str, opened: tuple[str, Session]) -> None:
    key = next(key for key in signers.openpgp_keys((SIMPLE,)) if key.name == name)
    with pytest.raises(PolicyRejectedError, match=words):
        judge(opened[1], signed_by(key.public), key.sign(SIMPLE))


def test_a_message_that_inflates_without_end(opened: tuple[str, Session]) -> None:
    name, session = opened
    if name == "go":
        return  # containers/image inflates all of it
    deflate = zlib.compressobj(wbits=-15)
    bomb = b"\xa3\x01" + deflate.compress(bytes(64 * 1024 * 1024)) + deflate.flush()
    key = signers.openpgp_keys((SIMPLE,))[0]
    with pytest.raises(PolicyRejectedError, match="stands for more than"):
        judge(session, signed_by(key.public), bomb)
