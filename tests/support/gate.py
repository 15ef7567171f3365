"""A gate before a registry: whoever connects waits until it opens, and then talks to the registry itself.

It is not for odd answers (see `scripted_registry`), nor for a registry that costs its reader time (see
`stalling_registry`).
"""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType


class Gate:
    """Listens on a free loopback port, `host`, before the registry at `target` ("127.0.0.1:PORT")."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._opened = threading.Event()
        self._closed = False
        self.waited_for = threading.Event()
        """Set when somebody has come to the gate."""

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self._listening.getsockname()[1]}"

    def open(self) -> None:
        """Let those who wait, and all who come later, through."""
        self._opened.set()

    def __enter__(self) -> Gate:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed = True
        self._opened.set()
        for each in [self._listening, *self._sockets]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._listening.accept()
                self._sockets.append(caller)
                self.waited_for.set()
                threading.Thread(target=self._let_through, args=(caller,), daemon=True).start()

    def _let_through(self, caller: socket.socket) -> None:
        self._opened.wait()
        if self._closed:
            return
        with contextlib.suppress(OSError), socket.create_connection(self._target) as registry:
            answers = threading.Thread(target=_pass_on, args=(registry, caller), daemon=True)
            answers.start()
            _pass_on(caller, registry)
            answers.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
