"""Signatures that a policy looked at go into the storage with the image: CRI-O checks its policy there again.

It is not for what a policy makes of them (test_policy_signatures.py).
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import pycoco.node
from pycoco import BackendName
from tests.end_to_end.policy.signed_image import DIGEST, MANIFEST, Signed, signed_image
from tests.support.node.storage_tool import DRIVER, empty_store, listed
from tests.support.signing.signatures import GPGKey, SigstoreKey, lookaside, payload_of
from tests.support.tools import require_tool

PROGRAMS = ("storagetool",)


@pytest.fixture
def signed(empty_home: Path) -> Iterator[Signed]:
    with signed_image(empty_home) as opened:
        opened.configure()
        yield opened


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return empty_store(tmp_path)


def pulled(signed: Signed, root: Path, backend: BackendName) -> dict[str, Any]:
    """What c/storage has of the image after a pull."""
    policy = signed.home / "policy.json"
    with pycoco.Client(backend=backend, platform="linux/amd64", tls_verify=False, policy=policy) as client:
        done = pycoco.node.pull(client, signed.reference, root=root, storage_driver=DRIVER, all_images=True)
    return listed(root)[done.id]


def test_a_simple_signature(signed: Signed, root: Path, backend: BackendName, tmp_path: Path) -> None:
    key = GPGKey(tmp_path, "signer")
    try:
        signature = key.sign(MANIFEST, signed.reference)
        signed.policy({"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(key.public)})
        lookaside(signed.signatures, "app", DIGEST, signature)

        found = pulled(signed, root, backend)

        assert found["bytes"]["signatures"] == signature
        assert found["bytes"][f"signature-{DIGEST.partition(':')[2]}"] == signature
        assert json.loads(found["metadata"]) == {
            "signature-sizes": [len(signature)],
            "signatures-sizes": {DIGEST: [len(signature)]},
        }
        # containers/image, reading the storage with a policy that wants the signature, gets as far as the layers.
        policy = {"default": [{"type": "reject"}], "transports": {"containers-storage": {"": [_trusting(key)]}}}
        (tmp_path / "storage-policy.json").write_text(json.dumps(policy))
        place = f"containers-storage:[{DRIVER}@{root}+{root.parent / 'run'}]{signed.reference}"
        copy = ("copy", "--policy", str(tmp_path / "storage-policy.json"), place, f"dir:{tmp_path / 'copy'}")
        done = subprocess.run([require_tool("skopeo"), *copy], capture_output=True, text=True, timeout=50, check=False)
        assert done.returncode
        assert "Source image rejected" not in done.stderr
        assert "layer" in done.stderr.lower()
    finally:
        key.close()


def _trusting(key: GPGKey) -> dict[str, Any]:
    return {"type": "signedBy", "keyType": "GPGKeys", "keyPath": str(key.public)}


def test_a_sigstore_signature(signed: Signed, root: Path, backend: BackendName, tmp_path: Path) -> None:
    key = SigstoreKey(tmp_path, "sigstore")
    signed.policy({"type": "sigstoreSigned", "keyPath": str(key.public)})
    payload = payload_of(DIGEST, signed.reference)
    signed.attach(DIGEST, payload, key.sign(payload))

    stored = pulled(signed, root, backend)["bytes"]["signatures"]

    kind, _, document = stored.partition(b"\n")
    assert kind == b"\0sigstore-json"
    assert json.loads(document)["mimeType"] == "application/vnd.dev.cosign.simplesigning.v1+json"


def test_none_where_the_policy_wants_none(signed: Signed, root: Path, backend: BackendName) -> None:
    signed.policy({"type": "insecureAcceptAnything"})

    found = pulled(signed, root, backend)

    assert "signatures" not in found["bytes"]
    assert found["metadata"] == "{}"
