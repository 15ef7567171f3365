"""The Go library with a fault in it: a copy of go/, prepared as build.py does, changed and compiled.

It is not for faults of the Python package, which need no compiling (see `__main__`), nor for what anybody uses.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import golang
import toolchain
from tests.mutation.fault import GO, Fault


class GoCopy:
    """The sources, in a directory made for them."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._library = scratch / "faulty.so"

    def with_fault(self, fault: Fault) -> Path:
        """The library with this fault alone."""
        target = toolchain.target()
        assert target is not None
        with toolchain.go_environment(self._scratch, target) as go:
            sources = golang.changed_sources(self._scratch, go)
            path = sources / fault.file.removeprefix(GO)
            right = path.read_text()
            path.write_text(right.replace(fault.old, fault.new))
            try:
                self._compile(go, sources, fault)
            finally:
                path.write_text(right)
        return self._library

    def _compile(self, go: str, sources: Path, fault: Fault) -> None:
        command = [go, "build", "-buildmode=c-shared", "-o", str(self._library), "."]
        done = subprocess.run(command, cwd=sources, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{fault.name}: go/ does not compile with it:\n{done.stderr[-2000:]}")
