"""The socket of the registry for tests: a free loopback port, a thread for each connection, TLS if there is to be any.

It is not for what is answered (see `registry`).
"""

from __future__ import annotations

import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket as Socket


class Server(ThreadingHTTPServer):
    """Listens once it is made."""

    daemon_threads = True
    socket: Socket

    def __init__(self, handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        if tls is not None:
            # The handshake is left to the connection's own thread: a client that is slow holds nobody else up.
            self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that goes away, or takes another certificate: that is what its own test is about."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]
