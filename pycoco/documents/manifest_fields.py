"""The fields of manifests and indexes with their Go types, as data for `strict_json`.

It is not for what else a manifest must satisfy (see `manifest`). Mirrors image-spec specs-go/v1 (Manifest, Index,
Descriptor, Platform) and containers/image's Schema2, Schema2ListPublic, Schema2Descriptor and Schema2PlatformSpec.
"""

from __future__ import annotations

from pycoco.documents.strict_json import anything, int64, mapping, octets, sequence, string, struct

ESSENTIAL = ("config", "fsLayers", "history", "layers", "manifests")
"""What tells one type of manifest from another (internal/manifest/common.go, ValidateUnambiguousManifestFormat)."""

_PLATFORM = {
    "architecture": string,
    "os": string,
    "os.version": string,
    "os.features": sequence(string),
    "variant": string,
}
_DOCKER_DESCRIPTOR = {"mediaType": string, "size": int64, "digest": string, "urls": sequence(string)}

OCI_DESCRIPTOR = struct(
    {
        **_DOCKER_DESCRIPTOR,
        "annotations": mapping(string),
        "data": octets,
        "platform": struct(_PLATFORM),
        "artifactType": string,
    }
)
DOCKER_DESCRIPTOR = struct(_DOCKER_DESCRIPTOR)
_DOCKER_LIST_ENTRY = struct({**_DOCKER_DESCRIPTOR, "platform": struct({**_PLATFORM, "features": sequence(string)})})

# "signatures" too is known in every type: GuessMIMEType, and so containers/image's own digest, looks at it.
VERSIONED = {**dict.fromkeys((*ESSENTIAL, "signatures"), anything), "schemaVersion": int64, "mediaType": string}
_OCI_COMMON = {
    **VERSIONED,
    "artifactType": string,
    "subject": OCI_DESCRIPTOR,
    "annotations": mapping(string),
}
OCI_MANIFEST = struct({**_OCI_COMMON, "config": OCI_DESCRIPTOR, "layers": sequence(OCI_DESCRIPTOR)})
OCI_INDEX = struct({**_OCI_COMMON, "manifests": sequence(OCI_DESCRIPTOR)})
DOCKER_MANIFEST = struct({**VERSIONED, "config": DOCKER_DESCRIPTOR, "layers": sequence(DOCKER_DESCRIPTOR)})
DOCKER_LIST = struct({**VERSIONED, "manifests": sequence(_DOCKER_LIST_ENTRY)})
