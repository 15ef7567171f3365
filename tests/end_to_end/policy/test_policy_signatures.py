"""policy.json against real signatures: both backends judge them alike, in the same words.

It is not for policies that need none (test_policy.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pycoco import errors
from tests.end_to_end.policy.signed_image import CONFIG, DIGEST, INDEX, MANIFEST, Signed, signed_image
from tests.parity.fetching import sha256
from tests.support.policy_words import comparable
from tests.support.scripted_registry import Answer
from tests.support.signing.signatures import GPGKey, SigstoreKey, lookaside, payload_of

REJECTED, ACCEPTED = errors.PolicyRejectedError, None


@dataclass(frozen=True)
class Keys:
    """Keys of each kind, one that signs and one that nobody trusts."""

    gpg: GPGKey
    other_gpg: GPGKey
    sigstore: SigstoreKey
    other_sigstore: SigstoreKey


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    directory = tmp_path_factory.mktemp("keys")
    gpg, other = GPGKey(directory, "signer"), GPGKey(directory, "other")
    try:
        yield Keys(gpg, other, SigstoreKey(directory, "sigstore"), SigstoreKey(directory, "other-sigstore"))
    finally:
        gpg.close()
        other.close()


@pytest.fixture
def signed(empty_home: Path) -> Iterator[Signed]:
    with signed_image(empty_home) as opened:
        yield opened


def signed_by(key: GPGKey, **more: Any) -> dict[str, Any]:
    return {"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(key.public), **more}


def sigstore_signed(key: SigstoreKey, **more: Any) -> dict[str, Any]:
    return {"type": "sigstoreSigned", "keyPath": str(key.public), **more}


def judge(signed: Signed, expected: type[Exception] | None, reference: str = "", **options: Any) -> str:
    """Let both backends judge: both answers are `expected`, in the same words, which are returned."""
    words = []
    for backend in ("go", "python"):
        if expected is None:
            image = signed.inspect(backend, reference, **options)
            assert image.raw_config == CONFIG
            words.append(str(image.policy))
            continue
        with pytest.raises(errors.PycocoError) as caught:
            signed.inspect(backend, reference, **options)
        assert type(caught.value) is expected, caught.value
        words.append(str(caught.value))
    if expected in (REJECTED, ACCEPTED):
        assert comparable(words[0]) == comparable(words[1])
    return words[0]


# GPG signatures in a lookaside.


def test_a_signature_of_the_trusted_key(signed: Signed, keys: Keys) -> None:
    signed.configure()
    path = signed.policy(signed_by(keys.gpg))
    lookaside(signed.signatures, "app", DIGEST, keys.gpg.sign(MANIFEST, signed.reference))
    assert judge(signed, ACCEPTED) == f"{path}: docker, scope {signed.registry.host}: signedBy"


def test_one_good_signature_among_others(signed: Signed, keys: Keys) -> None:
    signed.configure()
    signed.policy(signed_by(keys.gpg))
    signatures = [key.sign(MANIFEST, signed.reference) for key in (keys.other_gpg, keys.gpg)]
    lookaside(signed.signatures, "app", DIGEST, *signatures)
    judge(signed, ACCEPTED)


def _flipped(body: bytes) -> bytes:
    return body[:-30] + bytes([body[-30] ^ 1]) + body[-29:]


SPOILT: dict[str, Callable[[Signed, Keys], bytes | None]] = {
    "no signature": lambda signed, keys: None,
    "another key": lambda signed, keys: keys.other_gpg.sign(MANIFEST, signed.reference),
    "another image": lambda signed, keys: keys.gpg.sign(INDEX, signed.reference),
    "another tag": lambda signed, keys: keys.gpg.sign(MANIFEST, signed.reference + "1"),
    "another repository": lambda signed, keys: keys.gpg.sign(MANIFEST, f"{signed.registry.host}/other:v1"),
    "tampered with": lambda signed, keys: _flipped(keys.gpg.sign(MANIFEST, signed.reference)),
    "cut short": lambda signed, keys: keys.gpg.sign(MANIFEST, signed.reference)[:-40],
    "garbage": lambda signed, keys: b"\x90garbage",
    "empty": lambda signed, keys: b"",
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_signature_that_does_not_count(signed: Signed, keys: Keys, name: str) -> None:
    signed.configure()
    path = signed.policy(signed_by(keys.gpg))
    signature = SPOILT[name](signed, keys)
    if signature is not None:
        lookaside(signed.signatures, "app", DIGEST, signature)
    message = judge(signed, REJECTED)
    assert f"{path}: docker, scope {signed.registry.host}: signedBy" in message


def test_a_key_that_is_not_there(signed: Signed, keys: Keys) -> None:
    signed.configure()
    signed.policy({"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(signed.home / "none.gpg")})
    lookaside(signed.signatures, "app", DIGEST, keys.gpg.sign(MANIFEST, signed.reference))
    judge(signed, errors.ConfigurationError)


def test_a_signature_on_the_chosen_instance(signed: Signed, keys: Keys) -> None:
    # CRI-O's copy evaluates the instance, not the list (copy/single.go copySingleImage).
    signed.configure()
    signed.policy(signed_by(keys.gpg))
    reference = f"{signed.registry.host}/app:index"
    lookaside(signed.signatures, "app", sha256(INDEX), keys.gpg.sign(INDEX, reference))
    judge(signed, REJECTED, reference)
    lookaside(signed.signatures, "app", DIGEST, keys.gpg.sign(MANIFEST, reference))
    judge(signed, ACCEPTED, reference)


def test_an_image_by_its_digest(signed: Signed, keys: Keys) -> None:
    signed.configure()
    signed.policy(signed_by(keys.gpg))
    lookaside(signed.signatures, "app", DIGEST, keys.gpg.sign(MANIFEST, signed.reference))
    judge(signed, ACCEPTED, f"{signed.registry.host}/app@{DIGEST}")


def test_through_a_mirror_the_name_asked_for_counts(signed: Signed, keys: Keys) -> None:
    signed.configure()
    logical = "registry.pycoco.invalid/app:v1"
    conf = signed.home / "registries.conf"
    conf.write_text(
        '[[registry]]\nlocation = "registry.pycoco.invalid"\n'
        f'[[registry.mirror]]\nlocation = "{signed.registry.host}"\n'
    )
    signed.options["registries_conf"] = conf
    signed.policy(signed_by(keys.gpg), scope="registry.pycoco.invalid")
    lookaside(signed.signatures, "app", DIGEST, keys.gpg.sign(MANIFEST, signed.reference))
    judge(signed, REJECTED, logical)
    lookaside(signed.signatures, "app", DIGEST, keys.gpg.sign(MANIFEST, logical))
    judge(signed, ACCEPTED, logical)


# Sigstore signatures as attachments.


def test_an_attachment_of_the_trusted_key(signed: Signed, keys: Keys) -> None:
    signed.configure()
    path = signed.policy(sigstore_signed(keys.sigstore))
    payload = payload_of(DIGEST, signed.reference)
    signed.attach(DIGEST, payload, keys.sigstore.sign(payload))
    assert judge(signed, ACCEPTED) == f"{path}: docker, scope {signed.registry.host}: sigstoreSigned"


@dataclass(frozen=True)
class Attachment:
    """What is attached; the rest is as it should be."""

    digest: str = DIGEST
    repository: str = "app:v1"
    other_key: bool = False
    served: bytes | None = None
    signature: str = ""


@pytest.mark.parametrize(
    ("attachment", "expected"),
    [
        pytest.param(None, REJECTED, id="none"),
        pytest.param(Attachment(other_key=True), REJECTED, id="another key"),
        pytest.param(Attachment(digest=sha256(INDEX)), REJECTED, id="another image"),
        pytest.param(Attachment(repository="app:v2"), REJECTED, id="another tag"),
        pytest.param(Attachment(repository="other:v1"), REJECTED, id="another repository"),
        pytest.param(Attachment(signature="AAAA"), REJECTED, id="garbage"),
        pytest.param(Attachment(signature="%%%"), REJECTED, id="no base64"),
        pytest.param(Attachment(served=b"{}"), REJECTED, id="another payload"),
    ],
)
def test_an_attachment_that_does_not_count(
    signed: Signed, keys: Keys, attachment: Attachment | None, expected: type[Exception]
) -> None:
    signed.configure()
    signed.policy(sigstore_signed(keys.sigstore))
    if attachment is not None:
        payload = payload_of(attachment.digest, f"{signed.registry.host}/{attachment.repository}")
        key = keys.other_sigstore if attachment.other_key else keys.sigstore
        signed.attach(DIGEST, payload, attachment.signature or key.sign(payload), served=attachment.served)
    judge(signed, expected)


def test_attachments_are_looked_for_where_registries_d_says_so(signed: Signed, keys: Keys) -> None:
    signed.configure(attachments=False)
    signed.policy(sigstore_signed(keys.sigstore))
    payload = payload_of(DIGEST, signed.reference)
    signed.attach(DIGEST, payload, keys.sigstore.sign(payload))
    judge(signed, REJECTED)
    assert not any(".sig" in line for line in signed.registry.lines)


def test_an_attachment_to_the_list_alone(signed: Signed, keys: Keys) -> None:
    signed.configure()
    signed.policy(sigstore_signed(keys.sigstore))
    reference = f"{signed.registry.host}/app:index"
    for digest, expected in ((sha256(INDEX), REJECTED), (DIGEST, ACCEPTED)):
        payload = payload_of(digest, reference)
        signed.attach(digest, payload, keys.sigstore.sign(payload))
        judge(signed, expected, reference)


def test_both_kinds_together(signed: Signed, keys: Keys) -> None:
    signed.configure()
    signed.policy(signed_by(keys.gpg), sigstore_signed(keys.sigstore))
    lookaside(signed.signatures, "app", DIGEST, keys.gpg.sign(MANIFEST, signed.reference))
    judge(signed, REJECTED)
    payload = payload_of(DIGEST, signed.reference)
    signed.attach(DIGEST, payload, keys.sigstore.sign(payload))
    judge(signed, ACCEPTED)


def test_a_registry_that_fails_to_give_signatures_is_no_verdict(signed: Signed, keys: Keys) -> None:
    signed.configure()
    signed.policy(sigstore_signed(keys.sigstore))
    signed.table[f"/v2/app/manifests/{DIGEST.replace(':', '-')}.sig"] = Answer(503)
    judge(signed, errors.UnavailableError)
