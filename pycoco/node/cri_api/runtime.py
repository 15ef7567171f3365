"""Calls to the CRI socket of a runtime, one at a time: for `pycoco pull`, and for tests.

It is not for passing on what others call (see `pycoco.node.service`). The messages are bytes (see `messages`).
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from pycoco.errors import BackendUnavailableError, ConfigurationError, UnavailableError

if TYPE_CHECKING:
    from typing_extensions import Self

MESSAGE_LIMIT = 16 * 1024 * 1024
"""Bytes of a message, at most: what the kubelet and crictl allow (cri-client pkg/remote maxMsgSize)."""

CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
    ("grpc.default_authority", "localhost"),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.enable_http_proxy", 0),
)


def socket_path(endpoint: str) -> str:
    """Return the path of the socket that "unix:///PATH", or "/PATH", names. Raises ConfigurationError for others."""
    path = endpoint.removeprefix("unix://")
    if not path.startswith("/"):
        raise ConfigurationError(
            f"{endpoint[:200]!r} is no socket; write unix:///PATH, such as unix:///run/crio/crio.sock"
        )
    return path


def grpc_module() -> Any:
    """Return grpc. Raises BackendUnavailableError where it is not installed."""
    try:
        import grpc
    except ImportError:
        raise BackendUnavailableError("the CRI needs grpcio and protobuf: pip install 'pycoco-oci[node]'") from None
    return grpc


class Runtime:
    """The CRI services at `endpoint`. Methods raise UnavailableError with the runtime's own text where a call fails."""

    def __init__(self, endpoint: str, *, timeout: float = 60.0) -> None:
        self._grpc = grpc_module()
        self._timeout = timeout
        self.endpoint: str = f"unix://{socket_path(endpoint)}"
        self._channel = self._grpc.insecure_channel(self.endpoint, options=CHANNEL_OPTIONS)

    def call(self, method: str, request: bytes) -> bytes:
        """Call a method that answers once, such as "/runtime.v1.ImageService/ImageStatus"."""
        try:
            response = self._channel.unary_unary(method)(request, timeout=self._timeout)
        except self._grpc.RpcError as error:
            details = str(error.details() or error.code())
            message = f"{self.endpoint} does not answer {method}: {details[:500]}"
            raise UnavailableError(message, retryable=True) from None
        return bytes(response)

    def close(self) -> None:
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
