"""Input that reaches new code of the Python twin, found by atheris (libFuzzer), and what the Go twin says to it.

It is not for input that a grammar of ours leads to (see `bulk`). libFuzzer changes bytes and keeps what reaches a
branch that nothing before has reached; `READ` makes a case of them. The Go twin is asked in batches. libFuzzer ends the
process it runs in, so a search is a process of its own (see `guided_process`). What it kept is in
.hypothesis/fuzz/guided, and is where the next search begins. Without atheris, of the extra `fuzz`, there is none.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from pycoco.backends.python.backend import PythonBackend
from tests.fuzz.batches import opened_batches
from tests.fuzz.bulk import batch, confirmed
from tests.fuzz.report import Report, Told
from tests.fuzz.search import DATABASE, Budget, is_spent, kinds_of
from tests.parity.twins import STATELESS, Case, CaseFiles, ask, differences, opened_twins, quiet_directory
from tests.strategies import content_types, homes
from tests.strategies.choices import Choices
from tests.strategies.platforms import requested

_TYPES = (*content_types.KNOWN, *content_types.OTHERS)
_CORPUS = DATABASE / "guided"
_SEEDS = 30
_BATCH = 500
_PLACES = 24
_LONGEST = 4096


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _reference(data: bytes) -> Case:
    return Case("parse_reference", ((data.decode("utf-8", "surrogateescape"),),))


def _challenges(data: bytes) -> Case:
    return Case("parse_challenges", ((tuple(_text(data).split("\n")),),))


def _manifest(data: bytes) -> Case:
    """The first byte is for the type, which the first line changes where it is no JSON."""
    line, newline, rest = data[1:].partition(b"\n")
    usual = _TYPES[data[0] % len(_TYPES)] if data else ""
    question = (rest, usual + _text(line), "") if newline else (line, usual, "")
    return Case("check_manifest", (question,), options={"schema1": True})


def _config(data: bytes) -> Case:
    return Case("check_config", ((data,),))


def _index(data: bytes) -> Case:
    index_type = content_types.KNOWN[2 + data[0] % 2] if data else ""
    platforms = tuple(requested(Choices(data[at : at + 4])) for at in (1, 5))
    return Case("choose_instance", ((data[9:], index_type, platforms),))


def _sources(data: bytes) -> Case:
    options = {"registries_conf": f"{homes.ROOT}/registries.conf", "registries_conf_dir": f"{homes.ROOT}/none"}
    questions = (("quay.io/acme/app:v1",), ("registry.example.com:5000/app",), ("docker.io/library/busybox",))
    return Case("pull_sources", questions, (("registries.conf", data),), options=options)


def _credentials(data: bytes) -> Case:
    options = {"auth_file": f"{homes.ROOT}/auth.json"}
    questions = (("quay.io/acme/app:v1",), ("docker.io/library/busybox",))
    return Case("credentials_for", questions, (("auth.json", data),), options=options)


READ: dict[str, Callable[[bytes], Case]] = {
    "parse_reference": _reference,
    "parse_challenges": _challenges,
    "check_manifest": _manifest,
    "check_config": _config,
    "choose_instance": _index,
    "pull_sources": _sources,
    "credentials_for": _credentials,
}
"""What bytes mean, by operation."""


@dataclass
class GuidedReport(Report):
    """What one operation's search did. `corpus` counts the inputs kept for what they reach."""

    corpus: int = 0

    def __str__(self) -> str:
        return (
            f"{self.operation}, guided by coverage: {self.covered}; seed {self.seed}; {self.corpus} inputs kept for "
            f"what they reach; {self.differences} disagreements"
        )


def is_available() -> bool:
    """Whether atheris is installed."""
    return importlib.util.find_spec("atheris") is not None


def search(name: str, seed: int, budget: Budget) -> GuidedReport:
    """Search in a process of its own, which prints each disagreement."""
    with tempfile.NamedTemporaryFile("r") as told:
        command = [sys.executable, "-m", "tests.fuzz.guided_process", name, str(seed), json.dumps(asdict(budget))]
        done = subprocess.run([*command, told.name], stderr=subprocess.PIPE, text=True, check=False)
        if not (report := told.read()):
            raise RuntimeError(f"the search for {name} ended without a report: {done.stderr[-2000:]}")
        return GuidedReport(**json.loads(report))


def fuzz(name: str, seed: int, budget: Budget, told: Path) -> None:
    """Let libFuzzer search in this process, and end it."""
    import atheris

    corpus = _CORPUS / name
    with ExitStack() as stack:
        asked = _Asked(GuidedReport(name, seed), budget, corpus, stack)
        _write_seeds(name, corpus)
        arguments = [f"-seed={seed}", "-verbosity=0", f"-max_len={_LONGEST}", "-rss_limit_mb=0", "-timeout=60"]
        atheris.Setup(["fuzz", str(corpus), *arguments], lambda data: _one(asked, data, told))
        atheris.Fuzz()


def _one(asked: _Asked, data: bytes, told: Path) -> None:
    """Ask, and end the process once that is enough: from here on nothing of Python's would run any more."""
    if (report := asked.one(data)) is not None:
        told.write_text(json.dumps(asdict(report)))
        sys.stdout.flush()
        os._exit(0)


class _Asked:
    """What libFuzzer calls with each input. Only the Python twin is asked at once."""

    def __init__(self, report: GuidedReport, budget: Budget, corpus: Path, stack: ExitStack) -> None:
        root = stack.enter_context(quiet_directory("pycoco-guided-"))
        self._twins = stack.enter_context(opened_twins())
        self._batches = stack.enter_context(opened_batches(root, _PLACES))
        self._place = CaseFiles(root / "guided")
        self._stack = stack
        self._report = report
        self._budget = budget
        self._corpus = corpus
        self._python = PythonBackend()
        self._read = READ[report.operation]
        self._most = _BATCH if report.operation in STATELESS else _PLACES
        self._cases: list[Case] = []
        self._told = Told(report)
        self._started = time.monotonic()

    def one(self, data: bytes) -> GuidedReport | None:
        """Ask; the report once the budget is spent, when everything is closed."""
        case = self._read(data)
        self._place.write(case.files)
        session = self._python.open(self._place.settings(case))
        ask(session, case)
        session.close()
        self._cases.append(case)
        if len(self._cases) < self._most:
            return None
        self._compare()
        self._report.seconds = time.monotonic() - self._started
        if not is_spent(self._budget, self._report.cases, self._report.seconds):
            return None
        self._report.corpus = len(os.listdir(self._corpus))
        self._stack.close()
        return self._report

    def _compare(self) -> None:
        for case, (go, python) in zip(self._cases, self._batches.answers(self._cases), strict=True):
            self._report.cases += len(go)
            for found in differences(case, go, python):
                if self._told.add(kinds_of(found)):
                    print(confirmed(found, self._twins), flush=True)
        self._cases.clear()


def _write_seeds(name: str, corpus: Path) -> None:
    """The first search of an operation begins with what is drawn for it elsewhere."""
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in range(3):
        for case in batch(name, seed, [])[:_SEEDS]:
            for content in _contents(case):
                if len(content) <= _LONGEST:
                    (corpus / hashlib.sha1(content).hexdigest()).write_bytes(content)


def _contents(case: Case) -> Iterator[bytes]:
    """Inputs that are read as this case, or as much of one as there is."""
    yield from (content for _, content in case.files)
    if case.files:
        return
    for first, *_ in case.questions[:20]:
        if isinstance(first, bytes):
            yield {"check_manifest": b"\0", "choose_instance": b"\0" * 9}.get(case.operation, b"") + first
        else:
            yield ("\n".join(first) if isinstance(first, tuple) else first).encode("utf-8", "surrogatepass")
