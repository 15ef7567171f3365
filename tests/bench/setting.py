"""What every contender of a run is given: the same references, credentials, certificates and environment.

It is not for starting anything. A setting is written to a file, for the processes that measure.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.servers import CountingRegistry
from tests.support.tools import build_tool


@dataclass(frozen=True)
class Access:
    """How to reach one registry: by TLS with `user` and `password`, or by plain http as anybody."""

    host: str
    secured: bool
    user: str = ""
    password: str = ""


@dataclass(frozen=True)
class Setting:
    """Where things are. `home` is every contender's HOME; in it are the credentials, under the name each looks for.

    `skopeos` are the skopeos that there are, by the names that they have as contenders.
    """

    home: str
    authority: str
    crane: str
    regctl: str
    pycoco: str
    skopeos: dict[str, str]

    @property
    def auth_file(self) -> str:
        """The credentials, as containers-auth.json(5) and docker's config.json have them."""
        return f"{self.home}/config.json"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every contender.

        The authority is the only one trusted, and no directory of certificates is read: a program that reads the
        system's for each image would be measured by that.
        """
        return {
            "HOME": self.home,
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "TMPDIR": self.home,
            "DOCKER_CONFIG": self.home,
            "SSL_CERT_FILE": self.authority,
            "SSL_CERT_DIR": f"{self.home}/certificates",
            "REQUESTS_CA_BUNDLE": self.authority,
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            **{name: value for name, value in os.environ.items() if name == "PYCOCO_LIBRARY"},
        }

    def write(self, path: Path) -> None:
        """Write the setting for `read`."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: str) -> Setting:
        """Read what `write` wrote."""
        return cls(**json.loads(Path(path).read_text()))


def make_setting(directory: Path, authority: Path, pycoco: str) -> Setting:
    """Lay out a home; `pycoco` is the command."""
    home = directory / "home"
    (home / "certificates").mkdir(parents=True)
    crane, regctl = (str(build_tool(name)) for name in ("crane", "regctl"))
    return Setting(str(home), str(authority), crane, regctl, pycoco, _skopeos())


def _skopeos() -> dict[str, str]:
    """The skopeo on PATH, and beside it the one that PYCOCO_BENCH_SKOPEO names, such as the newest that can be had."""
    found = {"skopeo": shutil.which("skopeo"), "newer skopeo": os.environ.get("PYCOCO_BENCH_SKOPEO")}
    return {name: path for name, path in found.items() if path}


def write_credentials(setting: Setting, registry: CountingRegistry, hosts: list[str]) -> None:
    """Write the registry's user for each of the addresses it is reached by."""
    encoded = base64.b64encode(f"{registry.user}:{registry.password}".encode()).decode()
    Path(setting.auth_file).write_text(json.dumps({"auths": {host: {"auth": encoded} for host in hosts}}))
