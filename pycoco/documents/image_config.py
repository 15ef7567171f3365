"""Is this an image's config, and one that every reader understands alike?

It is not for typed values (see `pycoco.documents.typed_config`), nor for what a runtime makes of them.

Mirrors containers/image internal/image/{oci,docker_schema2}.go (OCIConfig): whatever the manifest's type, the config is
decoded into image-spec's Image, whose fields and Go types are listed here; others are ignored.
"""

from __future__ import annotations

from typing import Any

from pycoco.documents import media_types, strict_json
from pycoco.documents.strict_json import boolean, empty_struct, mapping, sequence, string, struct
from pycoco.documents.timestamps import timestamp
from pycoco.errors import NotAnImageError

_RUN = struct(
    {
        "User": string,
        "ExposedPorts": mapping(empty_struct),
        "Env": sequence(string),
        "Entrypoint": sequence(string),
        "Cmd": sequence(string),
        "Volumes": mapping(empty_struct),
        "WorkingDir": string,
        "Labels": mapping(string),
        "StopSignal": string,
        "ArgsEscaped": boolean,
    }
)
_HISTORY = struct(
    {"created": timestamp, "created_by": string, "author": string, "comment": string, "empty_layer": boolean}
)
_IMAGE = struct(
    {
        "created": timestamp,
        "author": string,
        "architecture": string,
        "os": string,
        "os.version": string,
        "os.features": sequence(string),
        "variant": string,
        "config": _RUN,
        "rootfs": struct({"type": string, "diff_ids": sequence(string)}),
        "history": sequence(_HISTORY),
    }
)


def require_image(manifest_type: str, config_type: str, artifact_type: str = "") -> None:
    """Raise NotAnImageError unless a manifest of that type, with a config of that type, is a container image's.

    Only OCI manifests are held to it: a docker manifest's config may claim any type (manifestSchema2.OCIConfig).
    """
    if manifest_type != media_types.OCI_MANIFEST or config_type == media_types.OCI_CONFIG:
        return
    artifact = artifact_type or config_type
    if artifact == media_types.DOCKER_CONFIG:
        raise NotAnImageError(
            "the OCI manifest has a docker config, a mix that no reader has to accept; have the image built again"
        )
    raise NotAnImageError(f"it is an artifact of type {artifact!r}, not a container image")


def check(data: bytes, manifest_type: str, config_type: str, artifact_type: str = "") -> dict[str, Any]:
    """Check a config's bytes, given its manifest's effective type and its descriptor's mediaType; return it parsed.

    Raises NotAnImageError for an artifact, AmbiguousManifestError for duplicate or case-variant keys, ManifestError
    for what does not decode: wrong types, a `created` that is no time ("" is none), an Entrypoint that is a string.
    """
    require_image(manifest_type, config_type, artifact_type)
    document = strict_json.loads(data, "config")
    strict_json.require(document, _IMAGE, "config")
    return document
