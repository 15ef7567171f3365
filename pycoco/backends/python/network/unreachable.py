"""Why a request got no answer, as the exception for it.

It is not for what is said of it, which both backends say alike (see `backends.registry_errors`).
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

from pycoco.backends import registry_errors
from pycoco.backends.python.network.messages import NoAnswerError, ProxyError
from pycoco.backends.python.network.redirects import redacted
from pycoco.errors import UnavailableError

_NOT_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"})
_CERTIFICATE_WANTED = frozenset({"TLSV13_ALERT_CERTIFICATE_REQUIRED", "TLSV1_ALERT_CERTIFICATE_REQUIRED"})
# OpenSSL's X509_V_ERR_ numbers, which the ssl module has no names for.
_AUTHORITY = frozenset({2, 18, 19, 20, 21})
_TIME = frozenset({9, 10})
_NAME = frozenset({62, 64})


def unreachable(url: str, error: Exception, proxy: str) -> UnavailableError:
    """Return the exception for a request that got no answer; `proxy` is the address of that on the way, "" for none."""
    shown, kind = redacted(url), _kind(error)
    message = registry_errors.unreachable(shown, kind, str(error), proxy)
    return UnavailableError(message, url=shown, retryable=kind not in registry_errors.LASTING)


def _kind(error: BaseException) -> str:
    """One of registry_errors.UNREACHABLE, or "" for another reason."""
    if isinstance(error, ProxyError):
        return "proxy"
    if isinstance(error, NoAnswerError):
        return "closed"
    return next(filter(None, map(_kind_of_cause, _causes(error))), "")


def _kind_of_cause(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        kinds = {_AUTHORITY: "authority", _TIME: "expired", _NAME: "other_name"}
        return next((kind for codes, kind in kinds.items() if error.verify_code in codes), "")
    if isinstance(error, (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError)):
        return "closed"
    if isinstance(error, ssl.SSLError):
        wanted = error.reason in _CERTIFICATE_WANTED
        return "not_tls" if error.reason in _NOT_TLS else "client_certificate" if wanted else ""
    if isinstance(error, socket.gaierror):
        return "no_host" if error.errno == socket.EAI_NONAME else ""
    return "refused" if isinstance(error, ConnectionRefusedError) else ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
