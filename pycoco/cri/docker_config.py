"""The fields of docker's image config that CRI-O decodes and then drops: of the wrong type, they make it refuse.

It is not for what the fields mean. Mirrors containers/image manifest/docker_schema2.go (Schema2V1Image, Schema2Config,
Schema2HealthConfig): OCI1.Inspect and Schema2.Inspect, which every ImageStatus runs, decode the config into them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pycoco.documents.syntax.strict_json import Check, boolean, empty_struct, fold, int64, mapping, sequence, string
from pycoco.errors import ManifestError


def require_docker_fields(config: Mapping[str, Any]) -> None:
    """Raise ManifestError if a field of `config`, a checked image config, is not of docker's type."""
    wrong = _IMAGE(config)
    if wrong:
        raise ManifestError(f"the config {wrong}: CRI-O cannot use such an image; have it built again")


def _fields(checks: Mapping[str, Check]) -> Check:
    """As `strict_json.struct`, but a field in another case is that field, as it is to encoding/json."""
    by_folded = {fold(name): check for name, check in checks.items()}

    def check(value: Any) -> str:
        if value is None:
            return ""
        if not isinstance(value, dict):
            return "is not an object"
        for key, content in value.items():
            found = by_folded[fold(key)](content) if fold(key) in by_folded else ""
            if found:
                return f"has a field {key!r} that {found}"
        return ""

    return check


def _text_or_texts(value: Any) -> str:
    """Docker's strslice.StrSlice."""
    return string(value) and sequence(string)(value)


_RUN = _fields(
    {
        **dict.fromkeys(("Hostname", "Domainname", "User", "Image", "WorkingDir", "MacAddress", "StopSignal"), string),
        **dict.fromkeys(("AttachStdin", "AttachStdout", "AttachStderr", "Tty", "OpenStdin", "StdinOnce"), boolean),
        **dict.fromkeys(("ArgsEscaped", "NetworkDisabled"), boolean),
        **dict.fromkeys(("Env", "OnBuild"), sequence(string)),
        **dict.fromkeys(("Cmd", "Entrypoint", "Shell"), _text_or_texts),
        **dict.fromkeys(("ExposedPorts", "Volumes"), mapping(empty_struct)),
        "Labels": mapping(string),
        "StopTimeout": int64,
        "Healthcheck": _fields(
            {
                "Test": sequence(string),
                **dict.fromkeys(("StartPeriod", "StartInterval", "Interval", "Timeout", "Retries"), int64),
            }
        ),
    }
)
_IMAGE = _fields(
    {
        **dict.fromkeys(("id", "parent", "comment", "container", "docker_version"), string),
        "container_config": _RUN,
        "config": _RUN,
        "Size": int64,
    }
)
