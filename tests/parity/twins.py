"""Asks both backends the same questions and says where they differ.

It is not for inventing questions (see tests/strategies and `operations`).
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pycoco.backends import contract
from pycoco.backends.go.backend import GoBackend
from pycoco.backends.python.backend import PythonBackend
from pycoco.configuration.settings import Settings
from pycoco.errors import ConfigurationError, PolicyRejectedError, PycocoError
from tests.strategies import homes
from tests.support import policy_words

_HELPERS = {
    "works": 'cat >/dev/null; echo \'{"ServerURL":"x","Username":"helped","Secret":"secret"}\'',
    "token": 'cat >/dev/null; echo \'{"Username":"<token>","Secret":"secret"}\'',
    "empty": "cat >/dev/null; echo '{}'",
    "none": "cat >/dev/null; echo credentials not found in native keychain; exit 1",
    "fails": "cat >/dev/null; echo no way; exit 2",
    "deep": "cat >/dev/null; cat <<'END'\n"
    '{"Username":"helped","Secret":"secret","x":' + "[" * 600 + '"\\u00e9"' + "]" * 600 + "}\nEND",
    "nonsense": "cat >/dev/null; echo nonsense",
}


@dataclass(frozen=True)
class Case:
    """Questions to one operation, with all that the answers depend on.

    `files` go under a directory made for the twins, which "{root}" stands for in `options` (fields of Settings) and
    in the files. `environment` names one of homes.ENVIRONMENTS. A question is the operation's arguments.
    """

    operation: str
    questions: tuple[tuple[Any, ...], ...]
    files: tuple[tuple[str, bytes], ...] = ()
    environment: str = homes.PLAIN
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """An error as far as the twins must agree about it."""

    kind: str
    file: str | None = None
    words: str = ""

    def agrees_with(self, other: Answer) -> bool:
        """Whether the class is the same, and a policy's words, and the file where both name one."""
        if not isinstance(other, Failure) or self.kind != other.kind:
            return False
        # What is too long is cut, and not at the same place where a library says it in more words.
        if self.words != other.words and "…" not in self.words + other.words:
            return False
        return self.file is None or other.file is None or self.file == other.file


Answer = Any
"""A value of the contract, or a Failure."""


@dataclass(frozen=True)
class Difference:
    """One question that the twins answer differently, as a case of its own."""

    case: Case
    go: Answer
    python: Answer

    def __str__(self) -> str:
        return f"The twins differ.\n  Go:     {self.go!r}\n  Python: {self.python!r}\nThe case:\n    {self.case!r}"


class CaseFiles:
    """A directory in which the files of one case after the other lie, with credential helpers beside them."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: tuple[tuple[str, bytes], ...] = ()
        self._write_helpers()
        (root / "run").mkdir(parents=True, exist_ok=True)

    def write(self, files: tuple[tuple[str, bytes], ...]) -> None:
        """Put these files there instead of the last ones."""
        for path, _ in self._files:
            (self._root / path).unlink(missing_ok=True)
        self._files = files
        for path, content in files:
            place = self._root / path
            try:
                place.write_bytes(content)
            except FileNotFoundError:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)

    def settings(self, case: Case) -> Settings:
        """A case's settings, with this directory for its root."""
        environ = {name: self._placed(value) for name, value in homes.ENVIRONMENTS[case.environment].items()}
        options = {name: self._placed(value) for name, value in case.options.items()}
        return Settings(**{"environ": environ, **options})

    def _placed(self, value: Any) -> Any:
        return value.replace(homes.ROOT, str(self._root)) if isinstance(value, str) else value

    def _write_helpers(self) -> None:
        directory = self._root / "bin"
        directory.mkdir(parents=True, exist_ok=True)
        for name, script in _HELPERS.items():
            program = directory / f"docker-credential-{name}"
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(0o755)


class Twins:
    """Both backends, and the directory in which a case's files lie."""

    def __init__(self, root: Path) -> None:
        self._files = CaseFiles(root)
        self._backends: tuple[contract.Backend, contract.Backend] = (GoBackend(), PythonBackend())
        self._without_files: dict[str, tuple[contract.Session, contract.Session]] = {}

    def close(self) -> None:
        """Close the sessions."""
        for pair in self._without_files.values():
            for session in pair:
                session.close()

    def answers(self, case: Case) -> tuple[list[Answer], list[Answer]]:
        """What the Go and the Python twin answer, in the order of the questions.

        A question about several platforms at once has as many answers, but one if the index itself is refused.
        """
        if case.operation in STATELESS:
            go, python = self._sessions_without_files(case)
            return ask(go, case), ask(python, case)
        self._files.write(case.files)
        opened = [backend.open(self._files.settings(case)) for backend in self._backends]
        try:
            return ask(opened[0], case), ask(opened[1], case)
        finally:
            for session in opened:
                session.close()

    def differences(self, case: Case) -> list[Difference]:
        """Where the twins differ."""
        go, python = self.answers(case)
        return differences(case, go, python)

    def _sessions_without_files(self, case: Case) -> tuple[contract.Session, contract.Session]:
        key = repr(sorted(case.options.items()))
        if key not in self._without_files:
            settings = self._files.settings(case)
            self._without_files[key] = (self._backends[0].open(settings), self._backends[1].open(settings))
        return self._without_files[key]


STATELESS = frozenset(
    {"parse_reference", "choose_instance", "check_manifest", "check_config", "parse_challenges", "evaluate_policy"}
)
"""Operations that look at no file, so that one session serves any number of cases."""


@contextmanager
def opened_twins() -> Iterator[Twins]:
    """Twins in a directory of their own."""
    with quiet_directory("pycoco-parity-") as root:
        twins = Twins(root)
        try:
            yield twins
        finally:
            twins.close()


@contextmanager
def quiet_directory(prefix: str) -> Iterator[Path]:
    """A directory, in memory where there is such a place, while pycoco logs nothing of what is wrong with its files."""
    memory = Path("/dev/shm")
    log = logging.getLogger("pycoco")
    level = log.level
    with tempfile.TemporaryDirectory(prefix=prefix, dir=memory if memory.is_dir() else None) as directory:
        log.setLevel(logging.CRITICAL)
        try:
            yield Path(directory)
        finally:
            log.setLevel(level)


def differences(case: Case, go: list[Answer], python: list[Answer]) -> list[Difference]:
    """Compare answers; a difference among one question's answers is told as that question alone."""
    if go == python:
        return []
    found = []
    for number, question in enumerate(_single_questions(case, go, python)):
        ours, theirs = (go[number], python[number]) if len(go) == len(python) else (go, python)
        agreed = ours.agrees_with(theirs) if isinstance(ours, Failure) else bool(ours == theirs)
        if not agreed:
            single = Case(case.operation, (question,), case.files, case.environment, case.options)
            found.append(Difference(single, ours, theirs))
    return found


def _single_questions(case: Case, go: list[Answer], python: list[Answer]) -> list[tuple[Any, ...]]:
    if case.operation != "choose_instance":
        return list(case.questions)
    if len(go) != len(python):  # one twin refuses an index that the other reads
        return list(case.questions[:1])
    questions: list[tuple[Any, ...]] = []
    at = 0
    for index, media_type, platforms in case.questions:
        refused = len(case.questions) == 1 and len(go) == 1
        asked = [platforms] if refused else [(platform,) for platform in platforms]
        questions += [(index, media_type, tuple(each)) for each in asked]
        at += len(asked)
    return questions


def ask(session: contract.Session, case: Case) -> list[Answer]:
    """A session's answers; see Twins.answers."""
    operation = getattr(session, case.operation)
    if case.operation == "choose_instance":
        return [answer for question in case.questions for answer in _choices(operation, question)]
    answers: list[Answer] = []
    for question in case.questions:
        try:
            answers.append(operation(*question))
        except PycocoError as error:
            answers.append(_failure(error))
    return answers


def _choices(operation: Any, question: tuple[Any, ...]) -> list[Answer]:
    try:
        return [each if isinstance(each, str) else _failure(each) for each in operation(*question)]
    except PycocoError as error:
        return [_failure(error)]


def _failure(error: PycocoError) -> Failure:
    file = error.file if isinstance(error, ConfigurationError) else None
    words = policy_words.comparable(str(error)) if isinstance(error, PolicyRejectedError) else ""
    return Failure(type(error).__name__, file, words)
