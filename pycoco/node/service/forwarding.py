"""Calls passed on to CRI-O as they are: any method, known or not, as raw bytes in both directions.

It is not for deciding which calls are answered here (see `image_calls`). Metadata, deadline, cancellation, the messages
of a stream one by one, the status code, its text and its details all arrive as they were sent.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pycoco.errors import PycocoError
from pycoco.node.cri_api.runtime import CHANNEL_OPTIONS, grpc_module, socket_path
from pycoco.printable import get_logger

_log = get_logger("pycoco.node")

MESSAGE_LIMIT = 80 * 1024 * 1024
"""Bytes of a message, at most: what CRI-O itself takes and sends (grpc_max_send_msg_size)."""

OPTIONS = (
    *((name, value) for name, value in CHANNEL_OPTIONS if "message_length" not in name),
    ("grpc.max_receive_message_length", MESSAGE_LIMIT),
    ("grpc.max_send_message_length", MESSAGE_LIMIT),
)

_SECOND_MESSAGE_SECONDS = 0.1

Answer = Callable[[bytes, Any], Awaitable["bytes | None"]]
"""What may answer a call that has one message each way; None passes the call on."""


class Upstream:
    """The runtime at `endpoint`, by one connection that is made again when it is lost."""

    def __init__(self, endpoint: str) -> None:
        aio = _aio()
        self.endpoint: str = f"unix://{socket_path(endpoint)}"
        self.channel: Any = aio.insecure_channel(self.endpoint, options=OPTIONS)

    async def call(self, method: str, request: bytes, timeout: float = 30.0) -> bytes:
        """Make a call of our own. Raises grpc.RpcError."""
        response = await self.channel.unary_unary(method)(request, timeout=timeout)
        return bytes(response)

    async def forward(self, method: str, context: Any, first: bytes | None = None) -> None:
        """Pass on the call of `context`, whose first message has been read if it is given."""
        options = {
            "metadata": tuple(pair for pair in context.invocation_metadata() or () if _is_the_callers(pair[0])),
            "timeout": context.time_remaining(),
        }
        requests = _Requests(context, first)
        try:
            request = await requests.only_one()
            if request is not None:
                # Sent at once with the headers. A message written later, to a call that has failed already, would
                # take the place of the failure.
                await _pass_responses(self.channel.unary_stream(method)(request, **options), context)
                return
            call = self.channel.stream_stream(method)(**options)
            requests.writing = asyncio.ensure_future(requests.pass_on(call))
            await _pass_responses(call, context)
        finally:
            requests.close()

    async def close(self) -> None:
        await self.channel.close()


def generic_handler(upstream: Upstream, answers: Mapping[str, Answer], ended: Callable[[str, str], None]) -> Any:
    """Return the handler of every method. `answers` has by method what may answer it; `ended` is told of each call.

    A fault of an answer's own is not the caller's: the call is passed on.
    """
    grpc = grpc_module()

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc, name-defined]
        def service(self, details: Any) -> Any:
            method = str(details.method)

            async def behaviour(_: Any, context: Any) -> None:
                first = None
                if method in answers:
                    first = await context.read()
                    answer = None if first is grpc.aio.EOF else await _answered(answers[method], first, context)
                    if answer is not None:
                        await context.write(answer)
                        ended(method, "answered")
                        return
                    first = b"" if first is grpc.aio.EOF else first
                ended(method, "forwarded")
                await upstream.forward(method, context, first)

            return grpc.stream_stream_rpc_method_handler(behaviour)

    return Handler()


def told(error: Exception) -> str:
    """Return what a failed call of our own says, on one line: its code, and the text that came with it."""
    if isinstance(error, PycocoError):
        return str(error)
    if isinstance(error, grpc_module().RpcError):
        return f"CRI-O's answer: {error.code().name}: {error.details()}"
    return f"{type(error).__name__}: {error}"


async def _answered(answer: Answer, request: bytes, context: Any) -> bytes | None:
    try:
        return await answer(request, context)
    except Exception:
        _log.exception("a call that could not be answered is passed on")
        return None


class _Requests:
    """The messages of a caller. Nearly all calls have one, and say at once that it was the last."""

    def __init__(self, context: Any, first: bytes | None) -> None:
        self._context = context
        self._read: list[Any] = [] if first is None else [first]
        self._reading: asyncio.Future[Any] | None = None
        self.writing: asyncio.Future[None] | None = None

    def close(self) -> None:
        """Stop what still reads or writes."""
        for each in (self._reading, self.writing):
            if each is not None:
                each.cancel()

    async def only_one(self) -> bytes | None:
        """Return the message of a call that has no other, None for any other call."""
        eof = _aio().EOF
        while len(self._read) < 2:
            if self._read and self._read[-1] is eof:
                return None
            self._reading = asyncio.ensure_future(self._context.read())
            done, _ = await asyncio.wait([self._reading], timeout=_SECOND_MESSAGE_SECONDS if self._read else None)
            if not done:
                return None  # it converses: what it says next depends on an answer
            self._read.append(self._reading.result())
            self._reading = None
        return self._read[0] if self._read[1] is eof else None

    async def pass_on(self, call: Any) -> None:
        eof = _aio().EOF
        try:
            while (message := await self._next()) is not eof:
                await call.write(message)
            await call.done_writing()
        except asyncio.CancelledError:
            raise
        except Exception:
            call.cancel()  # what ended the call is what the other direction reports

    async def _next(self) -> Any:
        if self._read:
            return self._read.pop(0)
        reading, self._reading = self._reading, None
        return await (reading if reading is not None else self._context.read())


async def _pass_responses(call: Any, context: Any) -> None:
    try:
        await _pass_until_the_end(call, context)
    finally:
        call.cancel()  # of a call that has ended it changes nothing


async def _pass_until_the_end(call: Any, context: Any) -> None:
    grpc = grpc_module()
    # Reading from a call that failed raises; its status says the same.
    with contextlib.suppress(grpc.aio.AioRpcError):
        initial = await call.initial_metadata()
        await context.send_initial_metadata(tuple(pair for pair in initial or () if _is_the_callers(pair[0])))
        try:
            while (message := await call.read()) is not grpc.aio.EOF:
                await context.write(message)
        except asyncio.CancelledError:
            if not call.done():  # it is this call that was cancelled, not the one behind
                raise
    code, details = await call.code(), await call.details()
    trailing = tuple(pair for pair in await call.trailing_metadata() or () if _is_the_callers(pair[0]))
    if code is grpc.StatusCode.OK:
        context.set_trailing_metadata(trailing)
        return
    await context.abort(code, details or "", trailing)


def _is_the_callers(name: str) -> bool:
    # What gRPC sends for itself it sends again; the status' details are the caller's, by whatever name.
    return name == "grpc-status-details-bin" or not (name.startswith((":", "grpc-")) or name in ("user-agent", "te"))


def _aio() -> Any:
    grpc_module()
    from grpc import aio

    return aio
