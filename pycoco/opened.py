"""What one process has open of a client: a session on the backend, and a reader of local layouts.

It is not for choosing a backend (see `backends.select`), nor for what a session is asked. A forked child opens its own:
nothing of its parent's can be used there.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from pycoco.errors import OperationCancelledError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping
    from typing import TypeVar

    from pycoco.backends.contract import Backend, Lists, Session
    from pycoco.backends.exchange import OnRequest
    from pycoco.backends.flows import Known
    from pycoco.backends.python.session import PythonSession
    from pycoco.configuration.settings import Settings
    from pycoco.daemon_threads import DaemonThreads
    from pycoco.layout.local import LocalImages

    S = TypeVar("S", bound="Session")  # which takes a millisecond to make, for the name of a class


class Opened:
    """What is open in this process. `local` is there once it is asked for."""

    def __init__(
        self, backend: Backend, settings: Settings, known: Known | None, on_request: OnRequest | None = None
    ) -> None:
        self.backend = backend.name
        self._backend = backend
        self._on_request = on_request
        self._settings = settings
        self._known = known
        self.session: Session = self.open(settings)
        # With other credentials than the settings' own: one for each that a client was given.
        self._sessions: dict[Hashable, Session] = {}
        self._lists: dict[Hashable, PythonSession] = {}
        self._local: LocalImages | None = None
        self._threads: DaemonThreads | None = None

    def open(self, settings: Settings) -> Session:
        """Open one more session on the backend; whoever asked for it closes it."""
        return self._backend.open(settings, known=self._known, on_request=self._on_request)

    def session_with(self, settings: Settings) -> Session:
        """Return the session on the backend that has these settings, which differ by their credentials at most."""
        if settings is self._settings:
            return self.session
        return _kept(self._sessions, settings, lambda: self.open(settings))

    def lists_with(self, settings: Settings) -> Lists:
        """What reads a registry's lists page by page: only the Python backend does, whichever the client has."""
        from pycoco.backends.exchange import Observer
        from pycoco.backends.python.session import PythonSession

        own = self.session_with(settings)
        if isinstance(own, PythonSession):
            return own
        observer = Observer("python", self._on_request)
        return _kept(self._lists, settings, lambda: PythonSession(settings, self._known, observer))

    @property
    def threads(self) -> DaemonThreads:
        """Threads for what reads files between two operations."""
        if self._threads is None:
            from pycoco.daemon_threads import DaemonThreads

            self._threads = DaemonThreads()
        return self._threads

    @property
    def local(self) -> LocalImages:
        """What reads local layouts and archives."""
        if self._local is None:
            from pycoco.layout.local import LocalImages

            self._local = LocalImages(self._settings, self._known)
        return self._local

    def close(self, *, wait: bool = True) -> None:
        self.session.close(wait=wait)
        for session in (*self._sessions.values(), *self._lists.values()):
            session.close(wait=wait)
        if self._local is not None:
            self._local.close()


def _kept(sessions: dict[Hashable, S], settings: Settings, make: Callable[[], S]) -> S:
    """Return the session of `sessions` that has the credentials of `settings`, made if there is none."""
    key = (settings.creds, settings.identity_token, settings.registry_token, settings.auth_file)
    session = sessions.get(key)
    if session is None:
        made = make()
        session = sessions.setdefault(key, made)
        if session is not made:  # another thread was faster
            made.close()
    return session


class OpenedByProcess:
    """By process, what is open of one client, whose `backend` is a name of `select`'s and `environ` its own."""

    # At the interpreter's end this module's `os` may be gone before the last client is (free-threaded Python).
    _this_process = staticmethod(os.getpid)

    def __init__(
        self,
        settings: Settings,
        backend: str,
        environ: Mapping[str, str],
        known: Known | None,
        on_request: OnRequest | None = None,
    ) -> None:
        self._settings = settings
        self._on_request = on_request
        self._backend = backend
        self._environ = environ
        self._known = known
        self._opened: dict[int, Opened] = {}
        self.closed: bool = False

    def here(self) -> Opened:
        """Return what this process has open, opening it first if need be. OperationCancelledError once closed."""
        if self.closed:
            raise OperationCancelledError("the client is closed; make a new one")
        opened = self.peek()
        if opened is None:
            from pycoco.backends.select import select

            selected = select(self._backend, override=self._environ.get("PYCOCO_BACKEND"))
            made = Opened(selected, self._settings, self._known, self._on_request)
            opened = self._opened.setdefault(self._this_process(), made)
            if opened is not made:  # another thread was faster
                made.close()
        return opened

    def __str__(self) -> str:
        opened = self.peek()
        return "closed" if self.closed else f"backend={opened.backend!r}" if opened else "not open in this process"

    def peek(self) -> Opened | None:
        """Return what this process has open already."""
        return self._opened.get(self._this_process())

    def close(self) -> None:
        """Close what this process has open, and open nothing any more. A second call does nothing."""
        if self.closed:
            return
        self.closed = True
        opened = self._opened.pop(self._this_process(), None)
        if opened is not None:
            opened.close()
