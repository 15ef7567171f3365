"""A CRI image service of its own, without CRI-O: for tests, and for seeing what a guest will run.

It is not for a node. It keeps metadata only, of any image, encrypted or not, in a directory in the form of
containers-storage (driver vfs), which podman can list. Its own options and each request's credentials say how images
are read.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pycoco._version import __version__
from pycoco.async_client import AsyncClient, outcome
from pycoco.configuration import reference as references
from pycoco.cri.image_status import image_status
from pycoco.daemon_threads import DaemonThreads
from pycoco.errors import DeadlineError, InvalidReferenceError, LayoutError, NotFoundError, PycocoError
from pycoco.layout.replacing import layout_errors
from pycoco.node.cri_api import messages
from pycoco.node.cri_api.messages import CriImage, MessageError
from pycoco.node.cri_api.runtime import grpc_module
from pycoco.node.pull import names_of
from pycoco.node.storage.image_record import MANIFEST_KEY, image_record
from pycoco.node.storage.image_store import ImageStore
from pycoco.node.storage.images_json import StoredImage
from pycoco.options import Options

T = TypeVar("T")

DRIVER = "vfs"

Method = Callable[[bytes, Any], Awaitable[bytes]]


@dataclass(frozen=True)
class StoredDocuments:
    """The documents of one image of the store, as `pycoco.cri` takes them."""

    reference: str
    digest: str
    media_type: str
    instance_digest: str
    instance_media_type: str
    pinned: str
    raw_manifest: bytes
    raw_index: bytes | None
    raw_config: bytes


class Standalone:
    """Answers for the images in `directory`, which is made if need be; `options` are the client's.

    Raises LayoutError where there can be none.
    """

    def __init__(self, directory: str, options: Options) -> None:
        self._store = ImageStore(directory, DRIVER)
        self._options = options
        self._threads = DaemonThreads()
        with layout_errors(f"cannot keep images in {directory!r}"):
            os.makedirs(self._store.directory, mode=0o700, exist_ok=True)

    def methods(self) -> Mapping[str, Method]:
        """Return what answers each method, by its name."""
        image = messages.IMAGE_SERVICE
        return {
            image + "ListImages": self.list_images,
            image + "StreamImages": self.list_images,
            image + "ImageStatus": self.status,
            image + "PullImage": self.pull,
            image + "RemoveImage": self.remove,
            image + "ImageFsInfo": self.fs_info,
            messages.RUNTIME_SERVICE + "Version": self.version,
        }

    async def version(self, body: bytes, context: Any) -> bytes:
        return messages.version_response("pycoco", __version__)

    async def list_images(self, body: bytes, context: Any) -> bytes:
        wanted = messages.filtered_image(body)
        found = [self._found(wanted)] if wanted else list(self._store.images())
        return messages.images_response([self._cri_image(each)[0] for each in found if each is not None])

    async def status(self, body: bytes, context: Any) -> bytes:
        stored = self._found(messages.asked_image("ImageStatusRequest", body))
        if stored is None:
            return messages.status_response(None)
        image, info = self._cri_image(stored)
        return messages.status_response(image, {"info": info} if messages.is_verbose(body) else None)

    async def remove(self, body: bytes, context: Any) -> bytes:
        stored = self._found(messages.asked_image("RemoveImageRequest", body))
        if stored is not None:
            found = stored.id
            await self._in_thread(lambda: self._store.remove(found, timeout=context.time_remaining()))
        return b""

    async def pull(self, body: bytes, context: Any) -> bytes:
        request = messages.pull_request(body)
        options = Options(**self._options)
        if request.creds is not None:
            options["creds"] = request.creds
        remaining = context.time_remaining()
        if remaining is not None and remaining <= 0:
            raise DeadlineError("the caller's deadline has passed")
        async with AsyncClient(**options) as client:
            image = await client.inspect(request.image, timeout=remaining)
        record, names, left = image_record(image), names_of(image, pin=False)[:1], context.time_remaining()
        registered = await self._in_thread(lambda: self._store.register(record, names, timeout=left))
        return messages.pull_response(registered.id)

    async def fs_info(self, body: bytes, context: Any) -> bytes:
        used = inodes = 0
        for directory, _, names in os.walk(self._store.directory):
            inodes += 1 + len(names)
            for name in names:
                with contextlib.suppress(FileNotFoundError):  # removed, or renamed, by a pull meanwhile
                    used += os.stat(os.path.join(directory, name)).st_size
        return messages.fs_info_response(self._store.directory, time.time_ns(), used, inodes)

    async def _in_thread(self, blocking: Callable[[], T]) -> T:
        """Call what takes the store's lock, which somebody else may have, in a thread."""
        return await outcome(self._threads.submit(blocking))

    def _found(self, asked: str) -> StoredImage | None:
        """Look an image up by id, the beginning of one, or any name or digest of it."""
        images = self._store.images()
        if not asked:
            return None
        by_id = [each for each in images if each.id.startswith(asked.removeprefix("sha256:"))]
        if by_id:
            return by_id[0] if len(by_id) == 1 else None
        try:
            parsed = references.parse_reference(asked)
        except InvalidReferenceError:
            return None
        for each in images:
            if parsed.text in (*each.names, *_digest_names(each)):
                return each
        return None

    def _cri_image(self, stored: StoredImage) -> tuple[CriImage, str]:
        documents = self._documents(stored)
        status = image_status(documents)
        size = len(documents.raw_config) + len(documents.raw_manifest) + len(documents.raw_index or b"")
        image = CriImage(
            stored.id,
            tuple(sorted(name for name in stored.names if "@" not in name)),
            tuple(sorted(_digest_names(stored))),
            size,
            status.uid,
            status.username,
            dict(status.annotations),
        )
        return image, json.dumps(status.to_dict()["info"])

    def _documents(self, stored: StoredImage) -> StoredDocuments:
        instance = f"sha256:{stored.id}"
        configs = [key for key in stored.big_data if ":" in key and not key.startswith(MANIFEST_KEY)]
        if not configs:
            raise LayoutError(f"the image {stored.id} has no config, as one that pycoco recorded has: remove it")
        index = None
        if stored.digest != instance:
            index = self._store.data(stored, f"{MANIFEST_KEY}-{stored.digest}")
        manifest = self._store.data(stored, MANIFEST_KEY)
        return StoredDocuments(
            stored.names[0] if stored.names else "",
            stored.digest,
            "",
            instance,
            "",
            next(iter(sorted(_digest_names(stored))), ""),
            manifest,
            index,
            self._store.data(stored, configs[0]),
        )


def standalone_handler(standalone: Standalone) -> Any:
    """Return the gRPC handler. Failures have the code UNKNOWN, as CRI-O's have, unless the CRI knows a better one."""
    grpc = grpc_module()
    methods = standalone.methods()

    async def answered(method: Method, body: bytes, context: Any) -> bytes:
        try:
            return await method(body, context)
        except NotFoundError as error:
            return bytes(await context.abort(grpc.StatusCode.NOT_FOUND, str(error)))
        except DeadlineError as error:
            return bytes(await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, str(error)))
        except MessageError as error:
            return bytes(await context.abort(grpc.StatusCode.INTERNAL, str(error)))  # the code that Go's server has
        except PycocoError as error:
            return bytes(await context.abort(grpc.StatusCode.UNKNOWN, str(error)))

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc, name-defined]
        def service(self, details: Any) -> Any:
            method = methods.get(str(details.method))
            if method is None:
                return None
            found = method

            async def unary(body: bytes, context: Any) -> bytes:
                return await answered(found, body, context)

            async def stream(body: bytes, context: Any) -> Any:
                yield await answered(found, body, context)

            if str(details.method).endswith("/StreamImages"):
                return grpc.unary_stream_rpc_method_handler(stream)
            return grpc.unary_unary_rpc_method_handler(unary)

    return Handler()


def _digest_names(image: StoredImage) -> set[str]:
    """makeRepoDigests of CRI-O's internal/storage/image.go: every repository with every digest of a manifest."""
    repositories = {_repository(name) for name in image.names}
    manifests = {key.removeprefix(f"{MANIFEST_KEY}-") for key in image.big_data if key.startswith(f"{MANIFEST_KEY}-")}
    return {f"{repository}@{digest}" for repository in repositories for digest in manifests}


def _repository(name: str) -> str:
    parsed = references.parse_canonical(name)
    return replace(parsed, tag="", digest="").text
