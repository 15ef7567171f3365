"""PullImage and ImageStatus: the two calls that are looked at, and when they are answered here.

It is not for passing calls on (see `forwarding`). A pull is answered only when all of this holds: the pod's runtime
handler is one of those named, CRI-O has no decryption keys, the image was read with CRI-O's own policy and with the
credentials of this very request, some layer is encrypted, the record is written, and CRI-O finds it. Everything else,
and every failure, is CRI-O's to answer, so that the kubelet sees the codes and texts that it knows.

Pinned, which is the default, a record has the name "repository@digest" alone. CRI-O hands the guest a record's tag
where there is one, and the tag may have moved by the time the guest pulls; with only a digest the guest pulls the
image that the host's config came from. ImageStatus of the tag is then answered for that digest, from memory: after a
restart the kubelet is told that there is no such image, and pulls again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pycoco.async_client import outcome
from pycoco.base_client import left_of
from pycoco.daemon_threads import DaemonThreads
from pycoco.errors import BackendError
from pycoco.image import Image
from pycoco.node.cri_api import messages
from pycoco.node.cri_api.messages import MessageError, PullRequest
from pycoco.node.cri_api.runtime import grpc_module
from pycoco.node.crio_config import CrioConfig
from pycoco.node.pull import names_of
from pycoco.node.service.events import Events, Pull
from pycoco.node.service.forwarding import Upstream, told
from pycoco.node.service.pull_credentials import PullOptions, pull_options, remove_used
from pycoco.node.service.reader import Reader
from pycoco.node.service.sandboxes import runtime_handler
from pycoco.node.service.shared_calls import SharedCalls
from pycoco.node.storage.image_record import ImageRecord, image_record
from pycoco.node.storage.image_store import Registered
from pycoco.options import Options

T = TypeVar("T")

EVERY_HANDLER = "*"
PULL_IMAGE = messages.IMAGE_SERVICE + "PullImage"
IMAGE_STATUS = messages.IMAGE_SERVICE + "ImageStatus"
REMOVE_IMAGE = messages.IMAGE_SERVICE + "RemoveImage"

_PINS = 10_000
_STATUS_SECONDS = 30.0


class Forwarded(Exception):
    """The pull is CRI-O's to answer; the text says why."""


@dataclass(frozen=True)
class PullSettings:
    """What the service was started with. `handlers` are runtime handlers' names, or "*" for every pod and none."""

    handlers: frozenset[str]
    options: Options = field(default_factory=Options, repr=False)
    pin: bool = True
    timeout: float = 60.0


class ImageCalls:
    """Answers the two calls; `config` returns what CRI-O says of itself, and None while that is not known."""

    def __init__(
        self,
        upstream: Upstream,
        reader: Reader,
        settings: PullSettings,
        config: Callable[[], CrioConfig | None],
        events: Events,
    ) -> None:
        self._upstream = upstream
        self._reader = reader
        self._settings = settings
        self._config = config
        self._events = events
        self._shared: SharedCalls[tuple[Image, Registered]] = SharedCalls()
        self._pins: dict[str, str] = {}
        self._threads = DaemonThreads()

    async def pull_image(self, body: bytes, context: Any) -> bytes | None:
        """Answer a PullImage, or return None to have it passed on."""
        started = time.monotonic()
        pull = Pull()
        try:
            request = messages.pull_request(body)
            pull = Pull(image=request.image, pod=_pod(request))
            image, registered = await self._pulled(request, pull)
        except asyncio.CancelledError:
            self._events.pull_ended(pull, "cancelled", "the caller has gone", started)
            raise
        except Forwarded as reason:
            self._events.pull_ended(pull, "forwarded", str(reason), started)
        except Exception as error:
            self._events.pull_ended(pull, "failed", told(error), started)
        else:
            self._events.pull_ended(pull, "full" if registered.full else "metadata", "", started, image, registered)
            self._pin(request.image, image, registered)
            return messages.pull_response(registered.id)
        self._pins.pop(request.image if pull.image else "", None)
        return None

    async def image_status(self, body: bytes, context: Any) -> bytes | None:
        """Answer an ImageStatus of a tag that a pull pinned, or return None to have it passed on."""
        remaining = context.time_remaining()
        timeout = _STATUS_SECONDS if remaining is None else min(_STATUS_SECONDS, remaining)
        with contextlib.suppress(MessageError, grpc_module().RpcError):  # which are CRI-O's to report, of the tag
            asked = messages.asked_image("ImageStatusRequest", body)
            pinned = self._pins.get(asked)
            if pinned is not None:
                answer = await self._upstream.call(IMAGE_STATUS, messages.with_image(body, pinned), timeout)
                if messages.status_image(answer) is not None:
                    return answer
                self._pins.pop(asked, None)
        return None

    async def _pulled(self, request: PullRequest, pull: Pull) -> tuple[Image, Registered]:
        crio = self._config()
        if crio is None:
            raise Forwarded("CRI-O has not said yet where its storage is")
        await self._require_handler(request, crio, pull)
        if await self._in_thread(crio.has_decryption_keys):
            raise Forwarded("CRI-O has decryption keys")
        options = await self._in_thread(lambda: pull_options(request, crio, self._settings.options))
        # Nobody's deadline is that of the others who share the read: whoever runs out of time ends their share.
        key = (request.image, request.namespace, json.dumps([options.options, options.auths], default=str))
        return await self._shared.run(key, lambda: self._register(request, crio, options, self._settings.timeout))

    async def _require_handler(self, request: PullRequest, crio: CrioConfig, pull: Pull) -> None:
        if EVERY_HANDLER in self._settings.handlers:
            return
        handler = await runtime_handler(self._upstream, request)
        if handler is None:
            raise Forwarded("it is for no pod sandbox")
        pull.handler = handler or crio.default_runtime
        if pull.handler not in self._settings.handlers:
            raise Forwarded("its runtime handler is another")

    async def _register(
        self, request: PullRequest, crio: CrioConfig, options: PullOptions, timeout: float
    ) -> tuple[Image, Registered]:
        began = time.monotonic()
        image = await self._reader.read(request.image, options.options, options.auths, timeout)
        if image.reference not in options.candidates:
            raise BackendError("the process that reads images answers with another image's name")
        record = await self._in_thread(lambda: _recordable(image))
        names = names_of(image, pin=self._settings.pin)
        known_as = names_of(image, pin=False)
        left = left_of(timeout, began)
        registered = await self._in_thread(
            lambda: crio.image_store().register(record, names, known_as=known_as, timeout=left)
        )
        await self._require_found(registered, [name for name in known_as if name in registered.names])
        await self._in_thread(lambda: remove_used(options))
        return image, registered

    async def _in_thread(self, blocking: Callable[[], T]) -> T:
        """Call what waits for files in a thread; one that gets no answer holds up neither others nor the end."""
        return await outcome(self._threads.submit(blocking))

    async def _require_found(self, registered: Registered, names: list[str]) -> None:
        for name in names:
            body = await self._upstream.call(IMAGE_STATUS, messages.image_request("ImageStatusRequest", name))
            status = messages.status_image(body)
            if status is not None and status.id == registered.id:
                continue
            if registered.new:
                removal = messages.image_request("RemoveImageRequest", registered.id)
                await self._upstream.call(REMOVE_IMAGE, removal)
            raise BackendError(f"CRI-O does not find {name} as it was recorded")

    def _pin(self, asked: str, image: Image, registered: Registered) -> None:
        self._pins.pop(asked, None)
        if self._settings.pin and not registered.full and asked != image.pinned:
            self._pins[asked] = image.pinned
            while len(self._pins) > _PINS:
                del self._pins[next(iter(self._pins))]


def _recordable(image: Image) -> ImageRecord:
    """Return the record of an image. Raises Forwarded, or an error, for one that is none of ours."""
    if not image.encrypted:
        raise Forwarded("no layer is encrypted")
    if not image.policy:
        raise BackendError("no policy was checked")
    return image_record(image)


def _pod(request: PullRequest) -> str:
    return f"{request.namespace}/{request.pod_name}" if request.pod_name else ""
