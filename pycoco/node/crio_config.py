"""What a running CRI-O says of its own settings: where its images are, and what it pulls with.

It is not for crio.conf's files, which say nothing of flags and defaults: `GET /config` on CRI-O's socket answers with
what it really uses (server/inspect.go, pkg/config/config.go).
"""

from __future__ import annotations

import http.client
import os
import socket
from dataclasses import dataclass, replace

from pycoco.configuration import configuration_files
from pycoco.configuration.auth.crio import NAMESPACED_AUTH_DIR, CrioAuthentication
from pycoco.configuration.toml_document import read_table
from pycoco.errors import ConfigurationError, UnavailableError
from pycoco.node.cri_api.runtime import socket_path
from pycoco.node.storage.image_store import ImageStore

CRIO_ENDPOINT = "unix:///run/crio/crio.sock"

_LIMIT = 4 * 1024 * 1024
_SECONDS = 10.0


@dataclass(frozen=True)
class CrioConfig:
    """CRI-O's options by their own names; a path that is not set is "". `endpoint` is where it was asked."""

    root: str
    imagestore: str
    storage_driver: str
    signature_policy: str
    signature_policy_dir: str
    decryption_keys_path: str
    default_runtime: str
    short_name_mode: str
    authentication: CrioAuthentication
    endpoint: str = CRIO_ENDPOINT

    def image_store(self) -> ImageStore:
        """Return the store that CRI-O keeps its images in."""
        return ImageStore(self.imagestore or self.root, self.storage_driver)

    def has_decryption_keys(self) -> bool:
        """Say whether CRI-O has keys: every file below the directory is one (server/utils.go getDecryptionKeys)."""
        return any(names for _, _, names in os.walk(self.decryption_keys_path)) if self.decryption_keys_path else False

    def policy(self, namespace: str = "") -> str | bool:
        """Return the policy.json that CRI-O holds a pull for a pod in `namespace` to, True for the host's own.

        Raises ConfigurationError where it cannot be told whether the namespace has one (contextForNamespace).
        """
        if namespace and self.signature_policy_dir:
            path = os.path.join(self.signature_policy_dir, f"{os.path.basename(namespace)}.json")
            if configuration_files.exists(path):
                return path
        return self.signature_policy or True


def read_crio_config(endpoint: str = CRIO_ENDPOINT) -> CrioConfig:
    """Ask the CRI-O at `endpoint`. Raises UnavailableError where none answers, ConfigurationError for an odd answer."""
    path = socket_path(endpoint)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as connection:
            connection.settimeout(_SECONDS)
            connection.connect(path)
            connection.sendall(b"GET /config HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            response = http.client.HTTPResponse(connection)
            response.begin()
            body = response.read(_LIMIT + 1)
    except (http.client.HTTPException, OSError) as error:
        raise UnavailableError(
            f"no CRI-O answers at {path}: {str(error) or type(error).__name__}; start it, or name its socket",
            retryable=True,
        ) from None
    if response.status != 200 or len(body) > _LIMIT:
        raise UnavailableError(f"what answers at {path} is no CRI-O: it has no /config (status {response.status})")
    return replace(parse_crio_config(body, f"the configuration of the CRI-O at {path}"), endpoint=endpoint)


def parse_crio_config(body: bytes, where: str) -> CrioConfig:
    """Read the TOML that CRI-O answers with. Raises ConfigurationError that begins with `where`."""
    crio = read_table(body, where).table("crio")
    runtime, image = crio.table("runtime"), crio.table("image")
    found = CrioConfig(
        root=crio.string("root"),
        imagestore=crio.string("imagestore"),
        storage_driver=crio.string("storage_driver"),
        signature_policy=image.string("signature_policy"),
        signature_policy_dir=image.string("signature_policy_dir"),
        decryption_keys_path=runtime.string("decryption_keys_path"),
        default_runtime=runtime.string("default_runtime"),
        short_name_mode=image.string("short_name_mode") or "enforcing",
        authentication=CrioAuthentication(
            image.string("global_auth_file"), image.string("namespaced_auth_dir") or NAMESPACED_AUTH_DIR
        ),
    )
    if not found.root.startswith("/") or not found.storage_driver:
        raise ConfigurationError(f"{where} names no root and storage driver: give --root and --storage-driver")
    return found
