"""Every signature among upstream's fixtures, under every key and authority there, on both backends.

It is not for signatures made here (test_pure_operations.py). The fixtures are read where the pinned module lies.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.parity.twins import Case, Failure, Twins, differences
from tests.support.upstream import module_directory

FIXTURES = module_directory() / "signature" / "fixtures"
LOG = FIXTURES.parent / "internal" / "testdata" / "rekor.pub"
SIGNATURES = sorted(
    [*FIXTURES.glob("*.signature"), *FIXTURES.glob("*.signature-v3"), *FIXTURES.glob("dir-img-*/signature-*")]
)
MANIFESTS = dict.fromkeys(
    path.read_bytes() for path in (FIXTURES / "image.manifest.json", *sorted(FIXTURES.glob("dir-img-*/manifest.json")))
)
REFERENCES = (
    "docker://testing/manifest:latest",
    "192.168.64.2:5000/cosign-signed-single-sample",
    "192.168.64.2:5000/cosign-signed/fulcio-rekor-1",
    "192.168.64.2:5000/cosign-signed/key-rekor-1",
    "192.168.64.2:5000/skopeo-signed:tag",
    "localhost:5000/test",
)
ACCEPTED = {
    "image.signature",
    "no-optional-fields.signature",
    "dir-img-valid/signature-1",
    "dir-img-valid-2/signature-2",
    "dir-img-cosign-valid/signature-1",
    "dir-img-cosign-valid-with-tag/signature-1",
    "dir-img-cosign-valid-2/signature-2",
    "dir-img-cosign-fulcio-rekor-valid/signature-1",
    "dir-img-cosign-pki-valid/signature-1",
    "subkey.signature",
}
"""Those that some policy here accepts."""


def requirements() -> list[dict[str, Any]]:
    keys = [str(key) for key in sorted(FIXTURES.glob("*.gpg"))]
    whole = [key for key in keys if "trustdb" not in key]
    found: list[dict[str, Any]] = [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": key} for key in keys]
    found.append({"type": "signedBy", "keyType": "GPGKeys", "keyPaths": whole})
    for key in sorted(FIXTURES.glob("*.pub")):
        found.append({"type": "sigstoreSigned", "keyPath": str(key)})
        found.append({"type": "sigstoreSigned", "keyPath": str(key), "rekorPublicKeyPath": str(LOG)})
    fulcio = {
        "caPath": str(FIXTURES / "fulcio_v1.crt.pem"),
        "oidcIssuer": "https://github.com/login/oauth",
        "subjectEmail": "mitr@redhat.com",
    }
    found.append({"type": "sigstoreSigned", "fulcio": fulcio, "rekorPublicKeyPath": str(LOG)})
    found.append({"type": "sigstoreSigned", "fulcio": {**fulcio, "subjectEmail": "x"}, "rekorPublicKeyPath": str(LOG)})
    for subject in ({"subjectEmail": "qiwan@redhat.com"}, {"subjectHostname": "myhost.example.com"}):
        roots, between = FIXTURES / "pki_root_crts.pem", FIXTURES / "pki_intermediate_crts.pem"
        for more in ({}, {"caIntermediatesPath": str(between)}):
            found.append({"type": "sigstoreSigned", "pki": {"caRootsPath": str(roots), **subject, **more}})
    identity = {"type": "matchRepository"}
    return [{**each, "signedIdentity": identity} for each in found]


@pytest.mark.parametrize("signature", SIGNATURES, ids=lambda path: str(path.relative_to(FIXTURES)))
def test_every_signature_under_every_policy(signature: Path, twins: Twins) -> None:
    questions = tuple(
        (json.dumps({"default": [requirement]}).encode(), reference, manifest, (signature.read_bytes(),))
        for requirement in requirements()
        for reference in REFERENCES
        for manifest in MANIFESTS
    )
    case = Case("evaluate_policy", questions)
    go, python = twins.answers(case)
    found = differences(case, go, python)
    assert not found, str(found[0])
    answers = Counter(answer.kind if isinstance(answer, Failure) else "allowed" for answer in python)
    assert (answers["allowed"] > 0) == (str(signature.relative_to(FIXTURES)) in ACCEPTED), answers
    assert set(answers) <= {"allowed", "PolicyRejectedError"}


def test_the_fixtures_own_policy_is_read(twins: Twins) -> None:
    policy = (FIXTURES / "policy.json").read_bytes()
    case = Case("evaluate_policy", ((policy, REFERENCES[0], next(iter(MANIFESTS)), ()),))
    assert not twins.differences(case)
