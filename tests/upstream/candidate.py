"""A copy of the project, built with other versions of Go modules, and its parity tests run there.

Nothing of the working tree changes, nor of what is installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tests.support.tools import ROOT
from tests.upstream.releases import go

TESTS = ("tests/parity", "tests/unit/documents", "tests/unit/configuration")


def parity(versions: dict[str, str], tests: list[str]) -> int:
    """Build with these versions of modules and run `tests`, TESTS if there are none; pytest's exit status."""
    with tempfile.TemporaryDirectory(prefix="pycoco-upstream-") as folder:
        copy = Path(folder, "pycoco")
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        ).stdout
        for name in filter(None, listed.split("\0")):
            if (ROOT / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name)
        for module, wanted in versions.items():
            go(copy / "go", "mod", "edit", f"-require={module}@{wanted}")
        go(copy / "go", "mod", "tidy")
        _build(copy)
        command = [sys.executable, "-m", "pytest", "-q", *(tests or TESTS)]
        return subprocess.run(command, cwd=copy, env={**os.environ, "PYTHONPATH": str(copy)}, check=False).returncode


def _build(copy: Path) -> None:
    """Put the library and its declarations where an editable install has them."""
    program = "import build, sys; print(build.build_wheel(sys.argv[1]))"
    wheels = copy.parent / "wheels"
    wheels.mkdir()
    subprocess.run([sys.executable, "-c", program, str(wheels)], cwd=copy, check=True)
    with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
        for name in wheel.namelist():
            if name.startswith("pycoco/backends/go/_"):
                wheel.extract(name, copy)
