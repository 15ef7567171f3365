"""An image and what refers to it, in each way that is in use, pushed to any registry.

It is not for the images themselves (tests/support/images.py): a few bytes that nobody pulls are enough here.
"""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.support.media_types import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST

EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
SBOM_TYPE = "application/spdx+json"
SIGNATURE_TYPE = "application/vnd.dev.cosign.artifact.sig.v1+json"
ATTESTATION_TYPE = "application/vnd.in-toto+json"


def sha256(body: bytes) -> str:
    """The digest of `body`."""
    return "sha256:" + hashlib.sha256(body).hexdigest()


def encoded(document: Any) -> bytes:
    """A JSON document as bytes."""
    return json.dumps(document).encode()


def artifact(subject: bytes | None, subject_type: str, artifact_type: str, **annotations: str) -> bytes:
    """The manifest of an artifact about `subject`, of one empty blob, whose type its config has and it itself too."""
    empty = {"mediaType": EMPTY_TYPE, "digest": sha256(b"{}"), "size": 2}
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": {**empty, "mediaType": artifact_type},  # go-containerregistry's registry looks at nothing else
        "layers": [empty],
        "annotations": annotations,
    }
    if subject is not None:
        document["subject"] = {"mediaType": subject_type, "digest": sha256(subject), "size": len(subject)}
    return encoded(document)


@dataclass
class SignedContent:
    """An index of one image and an attestation of it; an SBOM and a signature about the index; a tag of cosign's."""

    config: bytes = encoded(
        {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": []}}
    )
    image: bytes = field(init=False)
    attestation: bytes = field(init=False)
    index: bytes = field(init=False)
    sbom: bytes = field(init=False)
    signature: bytes = field(init=False)
    cosign: bytes = field(init=False)

    def __post_init__(self) -> None:
        described = {"mediaType": OCI_CONFIG, "digest": sha256(self.config), "size": len(self.config)}
        self.image = encoded({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described, "layers": []})
        self.attestation = artifact(None, "", ATTESTATION_TYPE, about="image")
        self.index = encoded(
            {
                "schemaVersion": 2,
                "mediaType": OCI_INDEX,
                "manifests": [
                    {
                        "mediaType": OCI_MANIFEST,
                        "digest": sha256(self.image),
                        "size": len(self.image),
                        "platform": {"os": "linux", "architecture": "amd64"},
                    },
                    {
                        "mediaType": OCI_MANIFEST,
                        "digest": sha256(self.attestation),
                        "size": len(self.attestation),
                        "annotations": {
                            "vnd.docker.reference.digest": sha256(self.image),
                            "vnd.docker.reference.type": "attestation-manifest",
                        },
                        "platform": {"os": "unknown", "architecture": "unknown"},
                    },
                ],
            }
        )
        self.sbom = artifact(self.index, OCI_INDEX, SBOM_TYPE, made="by hand")
        self.signature = artifact(self.index, OCI_INDEX, SIGNATURE_TYPE)
        self.cosign = artifact(None, "", SIGNATURE_TYPE, old="tag")

    @property
    def cosign_tag(self) -> str:
        """The tag under which cosign keeps signatures of the index."""
        return sha256(self.index).replace(":", "-") + ".sig"

    def push(self, host: str, repository: str, *, referrers_tag: bool) -> str:
        """Push it all and return the reference of the index; with `referrers_tag`, as clients do without the API."""
        connection = http.client.HTTPConnection(host, timeout=30)
        try:
            for blob in (self.config, b"{}"):
                _push_blob(connection, f"/v2/{repository}", blob)
            for body in (self.image, self.attestation):
                _push_manifest(connection, repository, sha256(body), body, OCI_MANIFEST)
            _push_manifest(connection, repository, "v1", self.index, OCI_INDEX)
            for body in (self.sbom, self.signature):
                _push_manifest(connection, repository, sha256(body), body, OCI_MANIFEST)
            _push_manifest(connection, repository, self.cosign_tag, self.cosign, OCI_MANIFEST)
            if referrers_tag:
                tag = sha256(self.index).replace(":", "-")
                _push_manifest(connection, repository, tag, self.referrers_index(), OCI_INDEX)
        finally:
            connection.close()
        return f"{host}/{repository}:v1"

    def push_tag(self, host: str, repository: str, tag: str, body: bytes, media_type: str) -> None:
        """Let a tag name something else of what was pushed."""
        connection = http.client.HTTPConnection(host, timeout=30)
        try:
            _push_manifest(connection, repository, tag, body, media_type)
        finally:
            connection.close()

    def push_tags(self, host: str, repository: str, tags: Iterable[str]) -> None:
        """Push the image alone, under many tags."""
        connection = http.client.HTTPConnection(host, timeout=30)
        try:
            _push_blob(connection, f"/v2/{repository}", self.config)
            for tag in tags:
                _push_manifest(connection, repository, tag, self.image, OCI_MANIFEST)
        finally:
            connection.close()

    def referrers_index(self) -> bytes:
        """What a client that pushes a referrer without the API keeps under the tag."""
        manifests = [
            {
                "mediaType": OCI_MANIFEST,
                "digest": sha256(body),
                "size": len(body),
                "artifactType": kind,
                "annotations": json.loads(body)["annotations"],
            }
            for body, kind in ((self.sbom, SBOM_TYPE), (self.signature, SIGNATURE_TYPE))
        ]
        return encoded({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests})


def _push_blob(connection: http.client.HTTPConnection, base: str, body: bytes) -> None:
    location = _exchange(connection, "POST", f"{base}/blobs/uploads/", b"", {}, 202).get("Location", "")
    path = location[location.index("/v2/") :]
    separator = "&" if "?" in path else "?"
    headers = {"Content-Type": "application/octet-stream"}
    _exchange(connection, "PUT", f"{path}{separator}digest={sha256(body)}", body, headers, 201)


def _push_manifest(
    connection: http.client.HTTPConnection, repository: str, name: str, body: bytes, media_type: str
) -> None:
    _exchange(connection, "PUT", f"/v2/{repository}/manifests/{name}", body, {"Content-Type": media_type}, 201)


def _exchange(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes, headers: dict[str, str], expected: int
) -> http.client.HTTPMessage:
    connection.request(method, path, body, headers)
    response = connection.getresponse()
    content = response.read()
    if response.status != expected:
        raise RuntimeError(f"{method} {path}: {response.status} {content.decode(errors='replace')[:500]}")
    return response.headers
