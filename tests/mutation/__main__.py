"""Plant each fault in a copy of the package, or of the Go library, and see that the tests named for it fail.

It is not for the faults themselves (see `faults`). Exit status: 0 if every fault is noticed, 1 if one is not, 2 if a
fault cannot be planted any more or the tests fail without one.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pycoco.backends.go.library import library_path
from tests.mutation.fault import Fault
from tests.mutation.faults import FAULTS
from tests.mutation.go_library import GoCopy

Result = subprocess.CompletedProcess[str]
ROOT = Path(__file__).parent.parent.parent

_FAILED = 1
"""pytest's exit status when tests ran and one failed; any other is no proof."""


def main() -> int:
    """Run the faults, or those whose names contain a word given."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__.partition("\n")[0])
    parser.add_argument("words", nargs="*", help="only faults whose names contain one of these")
    words = parser.parse_args().words
    faults = [fault for fault in FAULTS if not words or any(word in fault.name for word in words)]
    cannot = [problem for fault in faults for problem in problems(fault)]
    if cannot:
        print("These faults cannot be planted; write them anew:", *cannot, sep="\n  ")
        return 2
    with tempfile.TemporaryDirectory(prefix="pycoco-mutation-") as directory:
        copy = Path(directory)
        _copy(copy)
        if not _passes_without_faults(copy, faults):
            return 2
        sources = GoCopy(copy / "compiled")
        (copy / "compiled").mkdir()
        unnoticed = [fault.name for fault in faults if not _is_noticed(copy, sources, fault)]
    if unnoticed:
        print("Not noticed:", *unnoticed, sep="\n  ")
        return 1
    print(f"All {len(faults)} faults were noticed.")
    return 0


def problems(fault: Fault) -> list[str]:
    """Why a fault cannot be planted."""
    path = ROOT / fault.place
    count = path.read_text().count(fault.old) if path.is_file() else 0
    return [] if count == 1 else [f"{fault.name}: its text stands {count} times in {path}"]


def _copy(copy: Path) -> None:
    unwanted = shutil.ignore_patterns("__pycache__", "*.so", "*.dylib", ".cache")
    for name in ("pycoco", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=unwanted)
    shutil.copy(ROOT / "pyproject.toml", copy)
    (copy / "go").mkdir()
    for name in ("go.mod", "go.sum"):  # They say which containers/image has upstream's fixtures.
        shutil.copy(ROOT / "go" / name, copy / "go")


def _passes_without_faults(copy: Path, faults: list[Fault]) -> bool:
    tests = sorted({test for fault in faults for test in fault.noticed_by})
    where = _run(copy, ["-c", "import pycoco; print(pycoco.__file__)"])
    if not where.stdout.strip().startswith(str(copy)):
        print(f"the copy is not what would be tested, but {where.stdout.strip()}: {where.stderr}")
        return False
    result = _pytest(copy, tests)
    if result.returncode != 0:
        print("Without any fault the tests have to pass, and do not:", result.stdout, result.stderr, sep="\n")
    return result.returncode == 0


def _is_noticed(copy: Path, sources: GoCopy, fault: Fault) -> bool:
    started = time.monotonic()
    if fault.is_in_go:
        result = _pytest(copy, list(fault.noticed_by), str(sources.with_fault(fault)))
    else:
        result = _with_fault(copy / fault.place, fault, lambda: _pytest(copy, list(fault.noticed_by)))
    noticed = result.returncode == _FAILED
    verdict = "noticed" if noticed else f"NOT NOTICED (pytest's exit status {result.returncode})"
    print(f"{fault.name}: {verdict} in {time.monotonic() - started:.1f} s", flush=True)
    if not noticed and result.returncode != 0:
        print(result.stdout[-2000:], result.stderr[-2000:])
    return noticed


def _with_fault(path: Path, fault: Fault, run: Callable[[], Result]) -> Result:
    right = path.read_text()
    path.write_text(right.replace(fault.old, fault.new))
    try:
        return run()
    finally:
        path.write_text(right)


def _pytest(copy: Path, tests: list[str], library: str = "") -> Result:
    return _run(copy, ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests], library)


def _run(copy: Path, arguments: list[str], library: str = "") -> Result:
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYCOCO_LIBRARY": library or library_path()}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"  # a fault of the same size within one second must not go unseen
    return subprocess.run(
        [sys.executable, *arguments], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )


if __name__ == "__main__":
    sys.exit(main())
