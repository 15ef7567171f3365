"""Picking a backend by name; nothing else.

"auto" is the Go library where it can be loaded, the same Go code in a program of its own where that can be started, and
pure Python otherwise. PYCOCO_BACKEND overrides "auto" only: who names a backend gets that one or an error.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from pycoco.errors import BackendError, BackendUnavailableError, ConfigurationError, ForkedProcessError
from pycoco.printable import get_logger

if TYPE_CHECKING:
    from pycoco.backends.contract import Backend

NAMES = ("auto", "go", "go-process", "python")

_lock = threading.Lock()
_opened: dict[str, Backend] = {}
_said: set[tuple[str, str]] = set()


def select(name: str = "auto", *, override: str | None = None) -> Backend:
    """Return the backend called `name` (one of NAMES), made at the first call.

    `override` is the value of PYCOCO_BACKEND, or None. Raises ConfigurationError for another name, and
    BackendUnavailableError or ForkedProcessError where "go" or "go-process" was asked for and cannot be used.
    """
    if name == "auto" and override:
        name = _checked(override, "PYCOCO_BACKEND")
    if _checked(name, "backend") != "auto":
        return _open(name)
    return automatic()[0]


def automatic() -> tuple[Backend, dict[str, str]]:
    """Return what "auto" means here, and why not each backend that would have come before it, by name."""
    refused: dict[str, str] = {}
    for name in ("go", "go-process"):
        try:
            found = _open(name)
            found.versions()  # a library that panicked before answers nothing any more
            return found, refused
        except BackendError as error:
            # What is not there, as in a pure wheel or a fork, is as it should be; what broke is not.
            expected = isinstance(error, (BackendUnavailableError, ForkedProcessError))
            _say_once("INFO" if expected else "WARNING", name, str(error))
            refused[name] = str(error)
    return _open("python"), refused


def _say_once(level: str, name: str, why: str) -> None:
    import logging

    if (name, why) not in _said:
        _said.add((name, why))
        get_logger("pycoco").log(getattr(logging, level), "not using the backend %s: %s", name, why)


def _checked(name: str, source: str) -> str:
    if name not in NAMES:
        raise ConfigurationError(f"{source} is {name!r}; use one of {', '.join(NAMES)}")
    return name


def _open(name: str) -> Backend:
    with _lock:
        if name not in _opened:
            _opened[name] = _make(name)
        return _opened[name]


def _make(name: str) -> Backend:
    import logging

    # Who wants records adds a handler. Where nobody does, Python would write warnings to stderr by itself.
    logger = get_logger("pycoco")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    # Imported here, so that choosing one backend never imports the other.
    if name == "go":
        from pycoco.backends.go.backend import GoBackend

        return GoBackend()
    if name == "go-process":
        from pycoco.backends.go.backend import GoProcessBackend

        return GoProcessBackend()
    from pycoco.backends.python.backend import PythonBackend

    return PythonBackend()


def _after_fork() -> None:
    """Forget what the parent made: neither its Go runtime nor its threads are here."""
    global _lock
    _lock = threading.Lock()
    _opened.clear()


os.register_at_fork(after_in_child=_after_fork)
