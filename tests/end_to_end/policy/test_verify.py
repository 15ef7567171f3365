"""`verify`: the verdict on each signature, through both backends and as the command prints it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pycoco
from pycoco.answers.verification import Verification
from tests.end_to_end.policy.signed_image import DIGEST, INDEX, MANIFEST, Signed, signed_image
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
