"""Go's log lines as Python's records: at their level, and not so many warnings that they hide everything else.

It is not for how lines come (see `completions`), nor for what a line may hold (see `pycoco.printable`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

from pycoco.printable import get_logger

LOGGER = get_logger("pycoco.go")

_LEVELS = {
    "panic": logging.CRITICAL,
    "fatal": logging.CRITICAL,
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
    "trace": logging.DEBUG,
}

_WARNINGS_A_SECOND = 20
"""containers/image logs every Warning header of every answer, as many as a registry sends."""


class LogRecords:
    """For one thread at a time."""

    def __init__(self) -> None:
        self._second = 0.0
        self._made = 0
        self._left_out = 0

    def make(self, line: Mapping[str, str]) -> None:
        """Make a record of a line, unless it is one warning too many."""
        level = _LEVELS.get(line["level"], logging.INFO)
        if level == logging.WARNING and not self._has_room():
            self._left_out += 1
            return
        LOGGER.log(level, "%s", line["message"])

    def settle(self) -> None:
        """Say how many warnings were left out, once something else has come."""
        if self._left_out:
            left_out, self._left_out = self._left_out, 0
            LOGGER.warning("%d more warnings are left out", left_out)

    def _has_room(self) -> bool:
        now = time.monotonic()
        if now - self._second >= 1:
            self._second, self._made = now, 0
        self._made += 1
        return self._made <= _WARNINGS_A_SECOND
