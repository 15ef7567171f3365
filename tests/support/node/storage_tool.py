"""c/storage itself, through tests/storagetool: what CRI-O and Podman read of a store, and the other writer."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.tools import build_tool

DRIVER = "vfs"


def storage_tool(command: str, root: Path, *arguments: str) -> Any:
    """Run one command of storagetool and return the JSON it prints, None where it prints nothing.

    Raises RuntimeError with its message where it fails.
    """
    done = subprocess.run(
        [str(build_tool("storagetool")), command, str(root), DRIVER, *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout) if done.stdout else None


def listed(root: Path) -> dict[str, dict[str, Any]]:
    """Return the images of a store by id, each data item's bytes too, as c/storage reads them."""
    images = {each["id"]: each for each in storage_tool("list", root)}
    for image in images.values():
        image["bytes"] = {key: base64.b64decode(each["bytes"] or "") for key, each in image["items"].items()}
    return images


def empty_store(directory: Path) -> Path:
    """Return the root of a new store that c/storage has set up."""
    root = directory / "root"
    storage_tool("list", root)
    return root


@contextmanager
def loader(root: Path) -> Iterator[Any]:
    """Yield a function that has c/storage load the store anew and returns "ok" or its error."""
    command = [str(build_tool("storagetool")), "load", str(root), DRIVER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        stdin, stdout = process.stdin, process.stdout

        def load() -> str:
            print(file=stdin, flush=True)
            return stdout.readline().strip()

        yield load
        stdin.close()
