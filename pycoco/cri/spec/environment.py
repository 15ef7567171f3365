"""The process's environment: runtime-tools' defaults, the pod's host name, crio.conf, the kubelet's and the image's.

Upstream: CRI-O server/container_create.go (setupContainerEnvironmentAndWorkdir), server/utils.go (mergeEnvs) and
opencontainers/runtime-tools generate/generate.go (AddProcessEnv, createEnvCacheMap).
"""

from __future__ import annotations

from collections.abc import Sequence

from pycoco.cri.container_config import KeyValue
from pycoco.errors import ContainerConfigError

# generate.New
DEFAULTS = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm")


class ProcessEnvironment:
    """The list that becomes process.env, set by name as runtime-tools' Generator does it.

    The Generator looks a name up in a cache that it filled, for its own two defaults, with whole entries
    (createEnvCacheMap). So neither default is ever found: an image's PATH comes to stand after it, not in its
    place. runc, crun and the kata agent set the entries in order, and the last one counts.
    """

    def __init__(self) -> None:
        self.entries: list[str] = list(DEFAULTS)
        self._positions: dict[str, int] = {}

    def set(self, name: str, value: str) -> None:
        """AddProcessEnv: replace the value in its place, or add it at the end. A nameless entry is dropped."""
        if name:
            self.set_entry(name, f"{name}={value}")

    def set_entry(self, name: str, entry: str) -> None:
        """addEnv: `entry` is the text for `name`, with or without "="."""
        if name in self._positions:
            self.entries[self._positions[name]] = entry
        else:
            self._positions[name] = len(self.entries)
            self.entries.append(entry)

    def home(self) -> str:
        """Return the first HOME, "" if there is none. Raises ContainerConfigError for one with a line break in it,
        which would add a line to the generated passwd file (container_create.go setupContainerUser)."""
        found = next((entry[5:] for entry in self.entries if entry.startswith("HOME=")), "")
        if "\n" in found or "\r" in found:
            raise ContainerConfigError("HOME must not contain a line break: correct it in the image or the container")
        return found


def merge(image_env: Sequence[str], envs: Sequence[KeyValue]) -> list[str]:
    """mergeEnvs: the image's entries as they are, or the container's followed by those of the image it does not set.

    Raises ContainerConfigError for an image's entry without "=" where CRI-O would take it: it panics there
    (setupContainerEnvironmentAndWorkdir reads parts[1]).
    """
    if not envs:
        for entry in image_env:
            if "=" not in entry:
                raise ContainerConfigError(
                    f"the image's environment has {entry!r}, which has no '=': CRI-O crashes on it; correct the image"
                )
        return list(image_env)
    merged = [f"{item.key}={item.value}" for item in envs if item.key]
    given = {entry.partition("=")[0] for entry in merged}
    for entry in image_env:
        name, separator, _ = entry.partition("=")
        if separator and name and name not in given:
            merged.append(entry)
    return merged


def process_environment(
    image_env: Sequence[str],
    envs: Sequence[KeyValue],
    *,
    hostname: str,
    tty: bool = False,
    systemd: bool = False,
    default_env: Sequence[str] = (),
) -> ProcessEnvironment:
    """Return the environment in the order in which CRI-O sets it; what comes later outranks what came before."""
    environment = ProcessEnvironment()
    if tty:
        environment.set("TERM", "xterm")
    if systemd:
        environment.set("container", "crio")  # container_create_linux.go setupSystemdMounts
    environment.set("HOSTNAME", hostname)
    for entry in default_env:
        environment.set_entry(entry.partition("=")[0], entry)
    for entry in merge(image_env, envs):
        name, _, value = entry.partition("=")
        environment.set(name, value)
    return environment
