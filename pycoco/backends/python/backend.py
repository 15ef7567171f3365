"""The Python twin as a backend: its name, its versions, and sessions. Nothing else.

It imports no networking: that loads with the first fetch.
"""

from __future__ import annotations

import pycoco
from pycoco.backends.exchange import Observer, OnRequest
from pycoco.backends.flows import Known
from pycoco.backends.python.session import PythonSession
from pycoco.configuration.settings import Settings


class PythonBackend:
    """See contract.Backend."""

    name: pycoco.BackendName = "python"

    def open(
        self, settings: Settings, *, known: Known | None = None, on_request: OnRequest | None = None
    ) -> PythonSession:
        """A session with these settings. Nothing is read and nothing connected to until it is used."""
        return PythonSession(settings, known, Observer(self.name, on_request))

    def versions(self) -> dict[str, str]:
        """The versions that matter to a bug report: Python's and the HTTP engine's."""
        import platform
        from importlib import metadata

        found = {"python": platform.python_version()}
        for package in ("httpx", "httpcore", "h11"):
            try:
                found[package] = metadata.version(package)
            except metadata.PackageNotFoundError:
                found[package] = "missing"
        return found
