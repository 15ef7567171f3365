"""registries.conf as a session uses it: read at first use, and again once a file of it has changed.

It is not for what the files say (see `registries_conf`). Whether one has changed is looked at once a second at most,
so that asking costs nothing per image. May be used from any thread.
"""

from __future__ import annotations

import time
from collections.abc import Hashable

from pycoco.configuration.registries import registries_conf
from pycoco.configuration.registries.registries_conf import RegistriesConfiguration
from pycoco.configuration.settings import Settings

CHECK_SECONDS = 1.0


class CurrentConfiguration:
    """The configuration of one session. Two threads that find it outdated may both read it; either result counts."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._read: tuple[Hashable, RegistriesConfiguration] | None = None
        self._checked = 0.0

    @property
    def is_current(self) -> bool:
        """Whether `get` answers without looking at a file."""
        return self._read is not None and time.monotonic() - self._checked < CHECK_SECONDS

    def last(self) -> RegistriesConfiguration:
        """The configuration as it was last read, however long ago; read now if it never was."""
        return self._read[1] if self._read is not None else self.get()

    def get(self) -> RegistriesConfiguration:
        """The configuration now. Raises ConfigurationError; a file that was wrong is read again next time."""
        now = time.monotonic()
        read = self._read
        if read is not None and now - self._checked < CHECK_SECONDS:
            return read[1]
        signature = registries_conf.signature(self._settings)
        if read is None or read[0] != signature:
            read = (signature, registries_conf.load(self._settings))
        self._read, self._checked = read, now
        return read[1]
