"""`pycoco version`: what is installed, which backend `auto` takes here, why not the ones before it, and which
variables of pycoco's are set."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import sysconfig
from typing import Any

from pycoco._version import __version__
from pycoco.backends.select import automatic, select
from pycoco.cli.grammar.variables import in_force
from pycoco.errors import PycocoError
from pycoco.printable import printable


def run(parsed: argparse.Namespace) -> int:
    """Print the versions; the status is 0 also where only Python is left, since that is an answer."""
    found = _versions()
    if parsed.json:
        print(json.dumps(found, indent=2))
        return 0
    for name in ("pycoco", "python", "architecture", "libc"):
        print(f"{name:<17} {found[name]}")
    print(f"{'backend':<17} {found['backend']['name']}: {found['backend']['why']}")
    for name, reason in found["backend"]["not"].items():
        print(f"{'':<17} not {name}: {reason}")
    for name, version in found["backend"]["versions"].items():
        print(f"{name:<17} {version}")
    for name, value in found["variables"].items():
        print(f"{name:<17} {printable(value)}")
    return 0


def _versions() -> dict[str, Any]:
    return {
        "pycoco": __version__,
        "python": f"{platform.python_version()} ({platform.python_implementation()}{_free_threaded()})",
        "architecture": platform.machine(),
        "libc": _libc(),
        "backend": _backend(),
        "variables": dict(in_force(os.environ)),
    }


def _backend() -> dict[str, Any]:
    override = os.environ.get("PYCOCO_BACKEND")
    refused: dict[str, str] = {}
    try:
        if override and override != "auto":
            chosen, why = select(override=override), f"PYCOCO_BACKEND is {override}"
        else:
            chosen, refused = automatic()
            why = "the first that works here" if not refused else f"{' and '.join(refused)} cannot be used"
        return {"name": chosen.name, "why": why, "not": refused, "versions": chosen.versions()}
    except PycocoError as error:
        return {"name": "none", "why": str(error), "not": refused, "versions": {}}


def _libc() -> str:
    name, version = platform.libc_ver()
    if name == "glibc":
        return f"{name} {version}"
    # Of musl libc_ver() knows nothing, or "libc" and no version. What Python was built for ends in "-linux-musl" there.
    return "musl" if "musl" in str(sysconfig.get_config_var("HOST_GNU_TYPE")) else "unknown"


def _free_threaded() -> str:
    check = getattr(sys, "_is_gil_enabled", None)
    return ", free-threaded" if check is not None and not check() else ""
