"""Signatures of images: GPG ones in a lookaside directory, sigstore ones as attachments in a registry.

Keys and signatures are real, made by Debian's gpg and skopeo and by the `cryptography` package. It is not for deciding
what a signature is worth; the tests of the policy do.
"""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.tools import require_tool

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
SIGNATURE_ANNOTATION = "dev.cosignproject.cosign/signature"


class GPGKey:
    """A new key in a keyring of its own; `public` is the file that a policy's keyPath names."""

    def __init__(self, directory: Path, name: str) -> None:
        self._home = directory / name
        self._home.mkdir(mode=0o700)
        user = f"{name}@pycoco.invalid"
        self._gpg("--quick-gen-key", "--passphrase", "", user, "rsa2048", "sign", "never")
        listed = self._gpg("--list-secret-keys", "--with-colons").decode()
        self.fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr:"))
        self.public = directory / f"{name}.gpg"
        self.public.write_bytes(self._gpg("--export", user))

    def sign(self, manifest: bytes, reference: str) -> bytes:
        """Return a simple signature, which says that `manifest` is `reference`."""
        path, signature = self._home / "manifest", self._home / "signature"
        path.write_bytes(manifest)
        command = [require_tool("skopeo"), "standalone-sign", str(path), reference, self.fingerprint]
        subprocess.run(
            [*command, "-o", str(signature)], env=self._environment(), check=True, capture_output=True, timeout=60
        )
        return signature.read_bytes()

    def is_verified_by_skopeo(self, manifest: bytes, reference: str, signature: bytes) -> bool:
        """Whether skopeo says that this key signed `manifest` as `reference`."""
        files = self._home / "manifest", self._home / "signature"
        for path, content in zip(files, (manifest, signature), strict=True):
            path.write_bytes(content)
        command = [require_tool("skopeo"), "standalone-verify", str(files[0]), reference, self.fingerprint]
        ran = subprocess.run([*command, str(files[1])], env=self._environment(), capture_output=True, timeout=60)
        return ran.returncode == 0

    def close(self) -> None:
        """End the agent that gpg started."""
        subprocess.run(
            [require_tool("gpgconf"), "--kill", "all"], env=self._environment(), check=True, capture_output=True
        )

    def _gpg(self, *arguments: str) -> bytes:
        command = [require_tool("gpg"), "--batch", "--yes", "--pinentry-mode", "loopback", *arguments]
        return subprocess.run(command, env=self._environment(), check=True, capture_output=True, timeout=60).stdout

    def _environment(self) -> dict[str, str]:
        return {"GNUPGHOME": str(self._home), "HOME": str(self._home), "PATH": "/usr/bin:/bin"}


class SigstoreKey:
    """A new P-256 key; `public` is the file that a policy's keyPath names."""

    def __init__(self, directory: Path, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.public = directory / f"{name}.pub"
        self.public.write_bytes(
            self._key.public_key().public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )

    def sign(self, payload: bytes) -> str:
        """Return the signature's text, as cosign keeps it in an annotation."""
        return base64.b64encode(self._key.sign(payload, ec.ECDSA(hashes.SHA256()))).decode()


def payload_of(digest: str, reference: str) -> bytes:
    """What cosign signs: that the image with this digest is `reference`."""
    critical = {
        "identity": {"docker-reference": reference},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }
    return json.dumps({"critical": critical, "optional": {}}).encode()


def lookaside(directory: Path, repository: str, digest: str, *signatures: bytes) -> None:
    """Write simple signatures where containers-registries.d(5) says that a lookaside has them."""
    target = directory / f"{repository}@{digest.replace(':', '=')}"
    target.mkdir(parents=True, exist_ok=True)
    for number, signature in enumerate(signatures, 1):
        (target / f"signature-{number}").write_bytes(signature)
