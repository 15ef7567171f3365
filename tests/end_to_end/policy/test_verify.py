"""`verify`: the verdict on each signature, through both backends and as the command prints it."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

import pycoco
from pycoco.answers.verification import Verification
from tests.end_to_end.policy.signed_image import DIGEST, INDEX, MANIFEST, Signed, signed_image
from tests.parity.fetching import encoded, sha256
from tests.support.media_types import OCI_INDEX, OCI_MANIFEST
from tests.support.scripted_registry import Answer
from tests.support.signing.signatures import GPGKey, SigstoreKey, lookaside, payload_of


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[GPGKey, GPGKey, SigstoreKey]]:
    directory = tmp_path_factory.mktemp("keys")
    trusted, other = GPGKey(directory, "trusted"), GPGKey(directory, "other")
    try:
        yield trusted, other, SigstoreKey(directory, "sigstore")
    finally:
        trusted.close()
        other.close()


@pytest.fixture
def signed(empty_home: Path) -> Iterator[Signed]:
    with signed_image(empty_home) as opened:
        yield opened


def verify(signed: Signed, reference: str = "", **options: Any) -> tuple[Verification, ...]:
    """What both backends say, which is the same."""
    found = []
    for backend in ("go", "python"):
        policy = signed.home / "policy.json"
        given: dict[str, Any] = {"policy": policy, "tls_verify": False, "timeout": 30, "platform": "linux/amd64"}
        with pycoco.Client(backend=backend, **given) as client:
            found.append(client.verify(reference or signed.reference, **options))
    assert found[0] == found[1]
    return found[0]


def test_which_signature_counts_and_why_the_other_does_not(
    signed: Signed, keys: tuple[GPGKey, GPGKey, SigstoreKey]
) -> None:
    trusted, other, sigstore = keys
    signed.configure()
    signed.policy({"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(trusted.public)})
    lookaside(
        signed.signatures,
        "app",
        DIGEST,
        other.sign(MANIFEST, signed.reference),
        trusted.sign(MANIFEST, signed.reference),
    )
    payload = payload_of(DIGEST, signed.reference)
    signed.attach(DIGEST, payload, sigstore.sign(payload))
    (verdict,) = verify(signed)
    assert verdict.allowed
    assert [each.accepted for each in verdict.signatures] == [False, True, False]
    assert [each.kind for each in verdict.signatures] == ["simple signing", "simple signing", "sigstore"]
    assert [each.identity for each in verdict.signatures] == [signed.reference] * 3
    assert {each.digest for each in verdict.signatures} == {DIGEST}
    assert verdict.signatures[1].key == trusted.fingerprint[-16:]
    assert "Key not found for key ID" in verdict.signatures[0].reasons[0]
    json.dumps(verdict.to_dict())


def test_a_rejection_is_an_answer(signed: Signed, keys: tuple[GPGKey, GPGKey, SigstoreKey]) -> None:
    signed.configure()
    signed.policy({"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(keys[0].public)})
    (verdict,) = verify(signed)
    assert not verdict.allowed
    assert verdict.reason == "A signature was required, but no signature exists"
    assert verdict.signatures == ()


def test_the_instances_of_an_index(signed: Signed, keys: tuple[GPGKey, GPGKey, SigstoreKey]) -> None:
    signed.configure()
    signed.policy({"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(keys[0].public)})
    reference = f"{signed.registry.host}/app:index"
    signed.table[f"/v2/app/manifests/{pycoco_digest(INDEX)}"] = signed.table["/v2/app/manifests/index"]
    lookaside(signed.signatures, "app", DIGEST, keys[0].sign(MANIFEST, reference))
    for all_platforms in (False, True):
        (verdict,) = verify(signed, reference, all_platforms=all_platforms)
        assert (verdict.allowed, verdict.digest, verdict.platform) == (True, DIGEST, "linux/amd64")
        assert verdict.reference == reference


OTHER = MANIFEST.replace(b'"layers"', b'"annotations": {"another": "image"}, "layers"')
ARTIFACT = encoded(
    {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/x",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": sha256(b"{}"), "size": 2},
        "layers": [],
    }
)


def serve(signed: Signed, tag: str, media_type: str, body: bytes) -> str:
    """The reference of a manifest that the registry has from now on."""
    for name in (tag, sha256(body)):
        signed.table[f"/v2/app/manifests/{name}"] = Answer(headers=[("Content-Type", media_type)], body=body)
    return f"{signed.registry.host}/app:{tag}"


def test_every_instance_has_its_own_verdict(signed: Signed, keys: tuple[GPGKey, GPGKey, SigstoreKey]) -> None:
    signed.configure()
    signed.policy({"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(keys[0].public)})
    instances = [
        {"mediaType": OCI_MANIFEST, "digest": sha256(body), "size": len(body),
         "platform": {"os": "linux", "architecture": architecture}}
        for body, architecture in ((MANIFEST, "amd64"), (OTHER, "arm64"))
    ]  # fmt: skip
    index = encoded({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": instances})
    serve(signed, "other", OCI_MANIFEST, OTHER)
    reference = serve(signed, "two", OCI_INDEX, index)
    # What is said of the index itself, or of another instance, counts for none.
    lookaside(signed.signatures, "app", sha256(index), keys[0].sign(index, reference))
    lookaside(signed.signatures, "app", DIGEST, keys[0].sign(MANIFEST, reference))
    lookaside(signed.signatures, "app", sha256(OTHER), keys[0].sign(MANIFEST, reference))
    verdicts = verify(signed, reference, all_platforms=True)
    assert [(each.platform, each.allowed) for each in verdicts] == [("linux/amd64", True), ("linux/arm64", False)]
    assert verdicts[1].reason == f"Signature for digest {DIGEST} does not match"
    command = [sys.executable, "-m", "pycoco", "verify", reference, "--tls-verify=false", "--all-platforms"]
    command.append(f"--policy={signed.home / 'policy.json'}")
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (said.returncode, said.stdout.count("verdict    allowed"), said.stdout.count("rejected:")) == (10, 1, 1)


def test_an_artifact_is_judged_itself(signed: Signed, keys: tuple[GPGKey, GPGKey, SigstoreKey]) -> None:
    signed.configure()
    signed.policy({"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(keys[0].public)})
    reference = serve(signed, "artifact", OCI_MANIFEST, ARTIFACT)
    assert [each.allowed for each in verify(signed, reference)] == [False]
    lookaside(signed.signatures, "app", sha256(ARTIFACT), keys[0].sign(ARTIFACT, reference))
    (verdict,) = verify(signed, reference)
    assert (verdict.allowed, verdict.digest, verdict.platform) == (True, sha256(ARTIFACT), "")


@pytest.mark.parametrize("given", ["keyPaths", "keyDatas"])
def test_which_of_several_keys_counted(
    signed: Signed, keys: tuple[GPGKey, GPGKey, SigstoreKey], given: str, tmp_path: Path
) -> None:
    signed.configure()
    other, key = SigstoreKey(tmp_path, "other"), keys[2]
    files = [other.public, key.public]
    sources = (
        [str(file) for file in files]
        if given == "keyPaths"
        else [base64.b64encode(file.read_bytes()).decode() for file in files]
    )
    signed.policy({"type": "sigstoreSigned", given: sources})
    payload = payload_of(DIGEST, signed.reference)
    signed.attach(DIGEST, payload, key.sign(payload))
    (verdict,) = verify(signed)
    der = serialization.load_pem_public_key(key.public.read_bytes()).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert [each.key for each in verdict.signatures] == [f"SHA256:{hashlib.sha256(der).hexdigest()}"]
    signed.policy({"type": "sigstoreSigned", given: sources[:1]})
    (verdict,) = verify(signed)
    assert [(each.accepted, each.key) for each in verdict.signatures] == [(False, "")]


def pycoco_digest(body: bytes) -> str:
    from pycoco.documents import digest

    return digest.of(body)


def test_a_policy_that_asks_for_no_signature_reads_none(signed: Signed) -> None:
    signed.configure()
    signed.policy({"type": "insecureAcceptAnything"})
    (verdict,) = verify(signed)
    assert (verdict.allowed, verdict.looked_at_signatures) == (True, False)
    assert not any(".sig" in line for line in signed.registry.lines)


@pytest.mark.parametrize("backend", ["go", "python"])
def test_the_command(signed: Signed, keys: tuple[GPGKey, GPGKey, SigstoreKey], backend: str) -> None:
    signed.configure()
    path = signed.policy({"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(keys[0].public)})
    lookaside(signed.signatures, "app", DIGEST, keys[1].sign(MANIFEST, signed.reference))
    command = [sys.executable, "-m", "pycoco", "verify", signed.reference, "--tls-verify=false"]
    command += ["--backend", backend, f"--policy={path}"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 10, said.stderr
    assert "verdict    rejected: Key not found for key ID" in said.stdout
    assert f"1. not accepted  simple signing, by {keys[1].fingerprint[-16:]}, for {signed.reference}" in said.stdout
    lookaside(signed.signatures, "app", DIGEST, keys[0].sign(MANIFEST, signed.reference))
    said = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 0, said.stderr
    (verdict,) = json.loads(said.stdout)["verdicts"]
    assert verdict["signatures"][0]["accepted"] is True
