"""Where containers/image lies, the pinned module whose own fixture files the tests read.

It is not for copying them: they are read where they are.
"""

from __future__ import annotations

import functools
import os
import subprocess
from pathlib import Path

from tests.support.tools import ROOT, find_go

MODULE = "go.podman.io/image/v5"


@functools.cache
def module_directory() -> Path:
    """Return the source directory of the containers/image version that go/go.mod pins; downloads it if need be.

    Without a usable Go, the version is read from go.mod and looked for in the module cache.
    """
    return _listed() or _in_module_cache()


def _listed() -> Path | None:
    try:
        go = str(find_go())
        for command in (["list", "-m", "-f", "{{.Dir}}", MODULE], ["mod", "download", MODULE]) * 2:
            done = subprocess.run(
                [go, *command], cwd=ROOT / "go", capture_output=True, text=True, timeout=300, check=False
            )
            if command[0] == "list" and done.returncode == 0 and done.stdout.strip():
                return Path(done.stdout.strip())
    except (OSError, RuntimeError):
        return None
    return None


def _in_module_cache() -> Path:
    requirements = (line.split() for line in (ROOT / "go" / "go.mod").read_text().splitlines())
    version = next(words[words.index(MODULE) + 1] for words in requirements if MODULE in words)
    default = Path(os.environ.get("GOPATH") or Path.home() / "go") / "pkg" / "mod"
    directory = Path(os.environ.get("GOMODCACHE") or default) / f"{MODULE}@{version}"
    assert directory.is_dir(), f"{directory} does not exist; run `go mod download` in {ROOT / 'go'}"
    return directory
