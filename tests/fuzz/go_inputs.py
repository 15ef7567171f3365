"""Input that reaches new code of the Go twin, found by `go test -fuzz`, and what both twins say to it.

It is not for what no input may do to Go alone: go/internal/operations/fuzz_test.go holds that, as the input is found.
What Go keeps for its coverage is in its build cache, and every later search begins there; what fails is in the
package's testdata, where `go test` finds it ever after.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pycoco.documents.values import RequestedPlatform
from tests.fuzz.bulk import confirmed
from tests.fuzz.report import Report, Told
from tests.fuzz.search import Budget, kinds_of
from tests.parity.twins import Case, differences, opened_twins
from tests.support.tools import ROOT, find_go

_PACKAGE = "internal/operations"
_SECONDS = 20.0
"""For Go where the budget has no bound in time. What is to be covered is compiled before: minutes the first time."""

_VALUE = re.compile(rb'^(?:string|\[\]byte)\("((?:[^"\\]|\\.)*)"\)$', re.MULTILINE)
_ESCAPE = re.compile(rb"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))", re.DOTALL)
_LETTERS = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _index(index: bytes, content_type: bytes, *platform: bytes) -> tuple[Any, ...]:
    return index, _text(content_type), (RequestedPlatform(*map(_text, platform)),)


TARGETS: dict[str, tuple[str, Callable[..., tuple[Any, ...]]]] = {
    "parse_reference": ("FuzzParseReference", lambda text: (_text(text),)),
    "parse_challenges": ("FuzzParseChallenges", lambda lines: (tuple(_text(lines).split("\n")),)),
    "check_manifest": (
        "FuzzCheckManifest",
        lambda body, content_type, digest: (body, _text(content_type), _text(digest)),
    ),
    "check_config": ("FuzzCheckConfig", lambda config: (config,)),
    "choose_instance": ("FuzzChooseInstance", _index),
}
"""By operation: Go's fuzz function, and the question that its arguments are."""


class GoReport(Report):
    """What one operation's search did. Go counts its own inputs; `cases` are those it kept, put to both twins."""

    def __str__(self) -> str:
        return (
            f"{self.operation}, guided by Go's coverage: {self.cases} inputs kept by Go and put to both in "
            f"{self.seconds:.1f} s; {self.differences} disagreements"
        )


def search(name: str, seed: int, budget: Budget) -> GoReport:
    """Let Go search, and ask both twins what it kept. Go draws anew every time, whatever the seed."""
    target, question = TARGETS[name]
    report = GoReport(name, seed)
    started = time.monotonic()
    report.differences += _fails(target, _SECONDS if budget.seconds is None else budget.seconds)
    told = Told(report)
    with opened_twins() as twins:
        for arguments in _kept(target):
            case = Case(name, (question(*arguments),), options={"schema1": True} if name == "check_manifest" else {})
            go, python = twins.answers(case)
            report.cases += 1
            for found in differences(case, go, python):
                if told.add(kinds_of(found)):
                    print(confirmed(found, twins), flush=True)
    report.seconds = time.monotonic() - started
    return report


def _fails(target: str, seconds: float) -> bool:
    """Let Go search for so long; whether an input failed."""
    command = ["test", f"./{_PACKAGE}", "-run=^$", f"-fuzz=^{target}$", f"-fuzztime={seconds:.0f}s", "-parallel=1"]
    done = _go(command)
    if done.returncode:
        print(done.stdout, done.stderr, flush=True)
    return done.returncode != 0


def _kept(target: str) -> Iterator[list[bytes]]:
    cache = Path(_go(["env", "GOCACHE"]).stdout.strip()) / "fuzz" / "github.com/pycoco/pycoco/go" / _PACKAGE / target
    for folder in (cache, ROOT / "go" / _PACKAGE / "testdata" / "fuzz" / target):
        for path in sorted(folder.glob("*")):
            yield [unquoted(quoted) for quoted in _VALUE.findall(path.read_bytes())]


def unquoted(text: bytes) -> bytes:
    """What strconv.Quote made `text` of, without its quotes."""

    def plain(escape: re.Match[bytes]) -> bytes:
        octet, short, long, letter = escape.groups()
        if octet:
            return bytes.fromhex(octet.decode())
        if letter:
            return _LETTERS.get(letter, letter)
        return chr(int(short or long, 16)).encode("utf-8", "surrogatepass")

    return _ESCAPE.sub(plain, text)


def _go(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    told = subprocess.run(
        [sys.executable, "-c", "import toolchain; print(*toolchain.GO_FLAGS)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    environment = {**os.environ, "GOFLAGS": told.stdout.strip(), "GOTOOLCHAIN": "local"}
    return subprocess.run(
        [str(find_go()), *arguments], cwd=ROOT / "go", env=environment, capture_output=True, text=True, check=False
    )
