"""Which file of credentials CRI-O reads for a pod's image: its namespace's own, or the one for the whole node.

It is not for what is in the file (see `auth_files`), nor for CRI-O's other settings. Mirrors prepareTempAuthFile of
CRI-O's server/image_pull.go and FilePath of github.com/cri-o/crio-credential-provider pkg/auth. CRI-O moves a
namespace's file away when it uses it; nothing is moved or written here.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pycoco.configuration import configuration_files
from pycoco.configuration.reference import repository_name
from pycoco.configuration.toml_document import read_table
from pycoco.errors import ConfigurationError

CRIO_CONF = "/etc/crio/crio.conf"
CRIO_CONF_DIRECTORY = "/etc/crio/crio.conf.d"
NAMESPACED_AUTH_DIR = "/etc/crio/auth"
"""CRI-O's default for namespaced_auth_dir (crio-credential-provider pkg/config AuthDir)."""

# An RFC 1123 label, as Kubernetes has it for namespaces: it becomes part of a path.
_NAMESPACE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class CrioAuthentication:
    """Where CRI-O looks for credentials: `global_auth_file` is "" where none is configured."""

    global_auth_file: str = ""
    namespaced_auth_dir: str = NAMESPACED_AUTH_DIR

    def auth_file(self, reference: str, namespace: str = "") -> str | None:
        """Return the file for `reference` as an image of a pod in `namespace`; None where CRI-O would search as usual.

        Raises InvalidReferenceError, and ConfigurationError for what is no namespace or no absolute directory.
        """
        if namespace:
            path = namespaced_auth_file(reference, namespace, self.namespaced_auth_dir)
            if os.path.exists(path):  # whatever the reason why not (server/image_pull.go prepareTempAuthFile)
                return path
        return self.global_auth_file or None


def namespaced_auth_file(reference: str, namespace: str, directory: str = NAMESPACED_AUTH_DIR) -> str:
    """Return the path DIRECTORY/NAMESPACE-HASH.json, the hash being sha256 of the image's name without tag or digest.

    It need not exist. Raises InvalidReferenceError, ConfigurationError.
    """
    checked_namespace(namespace)
    if not directory.startswith("/"):
        raise ConfigurationError(f"namespaced_auth_dir is {directory[:200]!r}; give an absolute path, as CRI-O demands")
    name = hashlib.sha256(repository_name(reference).encode()).hexdigest()
    return configuration_files.join(directory, f"{namespace}-{name}.json")


def checked_namespace(namespace: str) -> str:
    """Return the name of a Kubernetes namespace. Raises ConfigurationError for anything else: it goes into a path."""
    if not isinstance(namespace, str) or _NAMESPACE.fullmatch(namespace) is None:
        raise ConfigurationError(f"namespace is {str(namespace)[:100]!r}; give the name of a Kubernetes namespace")
    return namespace


def read(file: str = CRIO_CONF, directory: str = CRIO_CONF_DIRECTORY) -> CrioAuthentication:
    """Read global_auth_file and namespaced_auth_dir of crio.conf and its drop-ins (Config.UpdateFromPath).

    Files that do not exist are passed over. Raises ConfigurationError for those that cannot be read.
    """
    names = {"global_auth_file": "", "namespaced_auth_dir": NAMESPACED_AUTH_DIR}
    return CrioAuthentication(**image_settings(names, file, directory))


def image_settings(defaults: Mapping[str, str], file: str = "", directory: str = "") -> dict[str, str]:
    """Return the settings of [crio.image] that `defaults` names, of crio.conf and its drop-ins.

    Raises ConfigurationError for files that cannot be read.
    """
    file, directory = file or CRIO_CONF, directory or CRIO_CONF_DIRECTORY
    found = dict(defaults)
    for path in (*([file] if configuration_files.exists(file) else []), *_drop_ins(directory)):
        image = read_table(configuration_files.read(path), path).table("crio").table("image")
        for name in found:
            if name in image.values:
                found[name] = image.string(name)
    return found


def _drop_ins(directory: str) -> list[str]:
    """Every file below the directory, in filepath.Walk's order."""
    found: list[str] = []
    if not configuration_files.exists(directory):
        return found
    for parent, directories, names in os.walk(directory):
        directories.sort()
        found += [os.path.join(parent, name) for name in names]
    return sorted(found, key=lambda path: path.split("/"))
