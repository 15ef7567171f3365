"""The image service as it runs on a node: its socket, CRI-O behind it, and its life from start to SIGTERM.

It is not for what is done with a call (see `forwarding` and `image_calls`), nor for the command line.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pycoco.async_client import outcome
from pycoco.daemon_threads import DaemonThreads
from pycoco.errors import ConfigurationError, PycocoError
from pycoco.layout.lock import lock
from pycoco.node.cri_api import messages
from pycoco.node.cri_api.runtime import grpc_module, socket_path
from pycoco.node.crio_config import CRIO_ENDPOINT, CrioConfig, read_crio_config
from pycoco.node.service.events import Events
from pycoco.node.service.forwarding import OPTIONS, Upstream, generic_handler, told
from pycoco.node.service.image_calls import IMAGE_STATUS, PULL_IMAGE, REMOVE_IMAGE, ImageCalls, PullSettings
from pycoco.node.service.metrics_server import metrics_address, serve_metrics
from pycoco.node.service.reader import MEMORY_LIMIT, Reader
from pycoco.node.service.standalone import Standalone, standalone_handler
from pycoco.node.service.systemd import notify
from pycoco.options import Options

LISTEN_ENDPOINT = "unix:///run/pycoco/image.sock"
WORKER_USER = "nobody"

_AGAIN_SECONDS = 1.0
_LONGEST_PAUSE = 60.0
_LISTING_ATTEMPTS = 5
_LISTING_SECONDS = 10.0
_PROBE_SECONDS = 1.0
_LONGEST_PATH = 107  # sockaddr_un


@dataclass(frozen=True)
class ServiceSettings:
    """How the service runs. `metrics` is "HOST:PORT" on loopback, or "" for none; `grace` the seconds at its end."""

    pulls: PullSettings
    listen: str = LISTEN_ENDPOINT
    crio: str = CRIO_ENDPOINT
    backend: str = "auto"
    worker_user: str = WORKER_USER
    worker_memory: int = MEMORY_LIMIT
    workers: int = 8
    metrics: str = ""
    grace: float = 60.0
    ready: Callable[[], None] | None = field(default=None, compare=False)


async def serve(settings: ServiceSettings) -> None:
    """Serve until SIGTERM or SIGINT; calls under way then have `grace` seconds to end.

    Raises ConfigurationError for a socket or address that cannot be, BackendError where no worker can be started.
    """
    events = Events()
    upstream = Upstream(settings.crio)
    reader = Reader(
        user=settings.worker_user,
        backend=settings.backend,
        memory=settings.worker_memory,
        limit=settings.workers,
    )
    crio = CrioWatch(settings.crio, upstream, events)
    calls = ImageCalls(upstream, reader, settings.pulls, lambda: crio.config, events)
    answers = {PULL_IMAGE: calls.pull_image, IMAGE_STATUS: calls.image_status}
    handler = generic_handler(upstream, answers, events.call_ended)
    try:
        await reader.start()
        await crio.look()
        watching = asyncio.ensure_future(crio.watch())
        try:
            await run_server(handler, settings, events)
        finally:
            watching.cancel()
    finally:
        await reader.close()
        await upstream.close()


async def serve_standalone(directory: str, options: Options, settings: ServiceSettings) -> None:
    """Serve a store of our own in `directory`, with no CRI-O behind, until SIGTERM or SIGINT."""
    await run_server(standalone_handler(Standalone(directory, options)), settings, Events())


async def run_server(handler: Any, settings: ServiceSettings, events: Events) -> None:
    """Serve `handler` on the socket, and the counters, until a signal."""
    grpc = grpc_module()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    metrics = await serve_metrics(metrics_address(settings.metrics), events.text) if settings.metrics else None
    server = grpc.aio.server(handlers=(handler,), options=OPTIONS)
    path = socket_path(settings.listen)
    bound = await _listen(server, path)
    if metrics is not None:
        host, port = metrics.sockets[0].getsockname()[:2]
        events.say("metrics", address=f"{host}:{port}")
    events.say("ready", listen=settings.listen, crio=settings.crio)
    notify("READY=1")
    if settings.ready is not None:
        settings.ready()
    try:
        await stop.wait()
        notify("STOPPING=1")
        events.say("stopping")
    finally:
        # New calls are refused, and those under way finish; a client sends again what was refused.
        _stop_listening(path, bound)
        await server.stop(settings.grace)
        if metrics is not None:
            metrics.close()


async def _listen(server: Any, path: str) -> os.stat_result:
    """Listen on `path` and return which file that is. Raises ConfigurationError as `require_free` does.

    gRPC removes the file that it has bound, some versions when they end: by then it may be another service's, which has
    begun since. So it binds a name of this process's own, which then gets its place.
    """
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise ConfigurationError(f"{path} is too long for a socket: name one of {_LONGEST_PATH} bytes at most")
    directory = os.path.dirname(path)
    own = os.path.join(directory, f".{os.getpid()}")
    try:
        os.makedirs(directory, mode=0o755, exist_ok=True)
        locked = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        before = os.umask(0o177)
        try:
            lock(locked, directory)  # two that begin at once
            require_free(path)
            server.add_insecure_port(f"unix:{own}")
            await server.start()
            os.rename(own, path)
            return os.lstat(path)
        finally:
            os.umask(before)
            os.close(locked)
    except (OSError, RuntimeError) as error:
        if isinstance(error, PycocoError):
            raise
        raise ConfigurationError(f"cannot listen on {path}: {getattr(error, 'strerror', None) or error}") from None


def _stop_listening(path: str, bound: os.stat_result) -> None:
    """Remove the socket from `path`, unless another has its place."""
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(os.lstat(path), bound):
            os.unlink(path)


def require_free(path: str) -> None:
    """Raise ConfigurationError for a path that something else has, or on which somebody listens."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise ConfigurationError(f"{path} is there already and no socket; name another")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as probe:
        probe.settimeout(_PROBE_SECONDS)  # who listens may not accept
        if probe.connect_ex(path) not in (errno.ECONNREFUSED, errno.ENOENT):
            raise ConfigurationError(f"somebody listens on {path} already; stop it, or name another socket")


class CrioWatch:
    """What the CRI-O behind says of itself, asked again whenever it has been away; and its broken records."""

    def __init__(self, endpoint: str, upstream: Upstream, events: Events) -> None:
        self.config: CrioConfig | None = None
        self._known = False
        self._endpoint = endpoint
        self._upstream = upstream
        self._events = events
        self._threads = DaemonThreads()

    async def look(self) -> bool:
        """Ask CRI-O, and mend its listing. False, with a line in the log, where it does not answer."""
        self._known = False
        try:
            config: CrioConfig = await outcome(self._threads.submit(read_crio_config, self._endpoint))
            self.config = config
            await self._mend_listing()
        except Exception as error:
            self._events.say("CRI-O does not answer", level=logging.WARNING, reason=told(error))
            return False
        self._known = True
        self._events.say("CRI-O answers", root=config.root, storage_driver=config.storage_driver)
        return True

    async def watch(self) -> None:
        """Look again after each time that the connection was lost, until cancelled."""
        grpc = grpc_module()
        ready = grpc.ChannelConnectivity.READY
        channel = self._upstream.channel
        pause = _AGAIN_SECONDS
        while True:
            state = channel.get_state(try_to_connect=True)
            if state is ready and not self._known:
                if not await self.look():
                    await asyncio.sleep(pause)  # longer and longer: it may never answer, and each time is logged
                    pause = min(2 * pause, _LONGEST_PAUSE)
                    continue
            elif state is not ready:
                self._known = False
                pause = _AGAIN_SECONDS
            await channel.wait_for_state_change(state)

    async def _mend_listing(self) -> None:
        """Remove records that break the listing of all images: those whose data is missing, if CRI-O cannot list.

        An image that CRI-O is just pulling is without its data for a moment as well, so it is looked at repeatedly.
        Only RemoveImage with the full id helps CRI-O here; crictl asks for the status first, which fails.
        """
        assert self.config is not None
        grpc = grpc_module()
        silent = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
        store = self.config.image_store()
        suspected: set[str] | None = None
        for _ in range(_LISTING_ATTEMPTS):
            try:
                await self._upstream.call(messages.IMAGE_SERVICE + "ListImages", b"", _LISTING_SECONDS)
                return
            except grpc.RpcError as error:
                if error.code() in silent:
                    raise  # no answer says nothing of the images, and waiting for one keeps the kubelet waiting
                broken = {each.id for each in await outcome(self._threads.submit(store.unreadable))}
                suspected = broken if suspected is None else suspected & broken
                await asyncio.sleep(_AGAIN_SECONDS)
        for image_id in sorted(suspected or ()):
            await self._upstream.call(REMOVE_IMAGE, messages.image_request("RemoveImageRequest", image_id))
            self._events.record_removed(image_id)
