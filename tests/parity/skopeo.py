"""Asks the system's skopeo: a third reader, with no code of the Python backend's and years older than the Go one.

It is not for rows about which containers/image changed its mind since (Debian's skopeo 1.9.3 has v5.22).
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.tools import require_tool


@dataclass(frozen=True)
class Said:
    """What skopeo said. `error` is "" when it succeeded."""

    output: bytes
    error: str


def ask(arguments: Sequence[str], home: Path, *, environ: Mapping[str, str] | None = None) -> Said:
    """Run skopeo with `arguments`, with nothing of the caller's environment but what is given."""
    (home / "run").mkdir(parents=True, exist_ok=True)
    given = {"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run"), "PATH": "/usr/bin:/bin", **(environ or {})}
    done = subprocess.run(
        [require_tool("skopeo"), *arguments], env=given, capture_output=True, timeout=30, check=False, cwd=home
    )
    return Said(done.stdout, "" if done.returncode == 0 else done.stderr.decode(errors="replace") or "failed")


def inspect(
    reference: str, home: Path, *options: str, before: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> Said:
    """`skopeo inspect` of a docker:// reference on a plain-http registry."""
    command = [*before, "inspect", "--tls-verify=false", *options, f"docker://{reference}"]
    return ask(command, home, environ=environ)
