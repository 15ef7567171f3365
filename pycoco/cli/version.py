"""`pycoco version`: what is installed, and why the Go library does not load if it does not."""

from __future__ import annotations

import argparse
import json
import platform
from typing import Any

from pycoco._version import __version__
from pycoco.backends.select import select
from pycoco.errors import PycocoError


def run(parsed: argparse.Namespace) -> int:
    """Print the versions; the status is 0 also where the library does not load, since that is an answer."""
    found = _versions()
    if parsed.json:
        print(json.dumps(found, indent=2))
        return 0
    print(f"pycoco            {found['pycoco']}")
    print(f"python            {found['python']}")
    for name, version in found["go_library"].items():
        print(f"{name:<17} {version}")
    return 0


def _versions() -> dict[str, Any]:
    found: dict[str, Any] = {"pycoco": __version__, "python": platform.python_version()}
    try:
        found["go_library"] = {"loads": True, **select("go").versions()}
    except PycocoError as error:
        found["go_library"] = {"loads": False, "why": str(error)}
    return found
