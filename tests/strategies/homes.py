"""Where configuration lies for a case: the environment, the options and the files of one imaginary user.

It is not for what the files say (see `registries_conf` and `auth_files`). ROOT stands for the directory that whoever
asks the twins makes up; so a case reads the same on every machine.
"""

from __future__ import annotations

from tests.strategies.choices import Choices

ROOT = "{root}"

_ROOTLESS = {
    "HOME": ROOT + "/home",
    "PATH": ROOT + "/bin:/usr/bin:/bin",
    "XDG_RUNTIME_DIR": ROOT + "/run",
    "XDG_CACHE_HOME": ROOT + "/cache",
    "_CONTAINERS_ROOTLESS_UID": "1000",
}
PLAIN = "plain"
ENVIRONMENTS: dict[str, dict[str, str]] = {
    PLAIN: _ROOTLESS,
    "xdg": {**_ROOTLESS, "XDG_CONFIG_HOME": ROOT + "/xdg", "DOCKER_CONFIG": ROOT + "/docker"},
    "named": {**_ROOTLESS, "CONTAINERS_REGISTRIES_CONF": ROOT + "/named.conf"},
    "override": {**_ROOTLESS, "CONTAINERS_REGISTRIES_CONF_OVERRIDE": ROOT + "/override.conf", "XDG_CACHE_HOME": ""},
    "no-run": {**_ROOTLESS, "XDG_RUNTIME_DIR": ROOT + "/nothing", "XDG_CONFIG_HOME": ""},
    "root": {name: value for name, value in _ROOTLESS.items() if name != "_CONTAINERS_ROOTLESS_UID"},
    "odd-uid": {**_ROOTLESS, "_CONTAINERS_ROOTLESS_UID": "1000x"},
    "no-home": {name: value for name, value in _ROOTLESS.items() if name != "HOME"},
}
"""By name. Few, since the Go backend has to change its own environment between two."""


def environment(choices: Choices) -> str:
    """The name of one; mostly the plain one."""
    return choices.mostly(PLAIN, tuple(ENVIRONMENTS), 4)
