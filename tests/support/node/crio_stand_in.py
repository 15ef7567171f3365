"""What `pycoco serve` needs of the CRI-O behind it: /config and the CRI on one socket, images as c/storage has them.

It is not CRI-O: PullImage answers what the test says, and sandboxes are those that the test names. ImageStatus asks
tests/storagetool, so that it finds what CRI-O's own library finds.
"""

from __future__ import annotations

import contextlib
import json
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from pycoco.node.cri_api import messages
from pycoco.node.cri_api.messages import CriImage
from tests.support.node.storage_tool import DRIVER, empty_store, listed, storage_tool

LIMITS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]

CONFIG = """[crio]
root = "{root}"
imagestore = ""
storage_driver = "{driver}"
[crio.runtime]
default_runtime = "crun"
decryption_keys_path = "{directory}/keys"
[crio.image]
signature_policy = "{directory}/policy.json"
signature_policy_dir = "{directory}/policies"
global_auth_file = "{directory}/global.json"
namespaced_auth_dir = "{directory}/auth"
short_name_mode = "enforcing"
"""


REGISTRIES = '[[registry]]\nprefix = "127.0.0.1"\nlocation = "127.0.0.1"\ninsecure = true\n'


@dataclass
class CrioStandIn:
    """The stand-in. `pull` answers PullImage; `methods` has further ones by name, each (request iterator, context)."""

    directory: Path
    root: Path
    pull: Callable[[bytes, Any], bytes]
    pulls: list[bytes] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    sandboxes: dict[tuple[str, str], str] = field(default_factory=dict)
    methods: dict[str, Callable[[Iterator[bytes], Any], Iterator[bytes]]] = field(default_factory=dict)
    metadata: list[dict[str, Any]] = field(default_factory=list)
    hidden: bool = False

    @property
    def socket(self) -> Path:
        return self.directory / "crio.sock"

    @property
    def endpoint(self) -> str:
        return f"unix://{self.socket}"

    def images(self) -> dict[str, dict[str, Any]]:
        """The images of the store by id, as c/storage reads them."""
        return listed(self.root)

    def answer(self, method: str, requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
        self.metadata.append(dict(context.invocation_metadata()))
        service, _, name = method.rpartition("/")
        if name in self.methods:
            yield from self.methods[name](requests, context)
            return
        body = next(requests, b"")
        if name == "PullImage":
            self.pulls.append(body)
            yield self.pull(body, context)
        elif name == "ImageStatus":
            yield messages.status_response(self._status(messages.asked_image("ImageStatusRequest", body)))
        elif name == "RemoveImage":
            image = messages.asked_image("RemoveImageRequest", body)
            self.removed.append(image)
            with contextlib.suppress(RuntimeError):
                storage_tool("remove", self.root, image)
            yield b""
        elif name == "ListImages":
            try:
                found = self.images()
            except RuntimeError as error:
                context.abort(grpc.StatusCode.UNKNOWN, str(error))
            yield messages.images_response([CriImage(each) for each in found])
        elif name in ("ListPodSandbox", "PodSandboxStatus"):
            yield self._sandbox(name, body)
        else:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"unknown method {name} for service {service.lstrip('/')}")

    def _status(self, name: str) -> CriImage | None:
        found = storage_tool("lookup", self.root, name).get(name)
        return CriImage(found, size=1) if found and not self.hidden else None

    def _sandbox(self, name: str, body: bytes) -> bytes:
        made = messages._classes()
        if name == "ListPodSandbox":
            items = [
                {"id": f"id-{number}", "metadata": {"uid": uid, "namespace": namespace}, "created_at": number}
                for number, (uid, namespace) in enumerate(self.sandboxes)
            ]
            return bytes(made["ListPodSandboxResponse"](items=items).SerializeToString())
        asked = made["PodSandboxStatusRequest"].FromString(body).pod_sandbox_id
        handler = list(self.sandboxes.values())[int(asked.partition("-")[2])]
        annotations = {"io.kubernetes.cri-o.RuntimeHandler": handler}
        info = json.dumps({"runtimeSpec": {"annotations": annotations}})
        return bytes(made["PodSandboxStatusResponse"](info={"info": info}).SerializeToString())


@contextlib.contextmanager
def crio_stand_in() -> Iterator[CrioStandIn]:
    """Run the stand-in on a socket of its own, over a new store, with a policy that accepts everything."""
    with crio_at_rest() as stand_in, running(stand_in):
        yield stand_in


@contextlib.contextmanager
def crio_at_rest() -> Iterator[CrioStandIn]:
    """Yield a stand-in that does not run yet (see `running`)."""
    with tempfile.TemporaryDirectory(prefix="pycoco-") as made:
        directory = Path(made)
        directory.chmod(0o755)  # policy.json and registries.conf are read by a user without privileges
        (directory / "registries.conf").write_text(REGISTRIES)
        (directory / "auth").mkdir()
        (directory / "policies").mkdir()
        (directory / "policy.json").write_text('{"default":[{"type":"insecureAcceptAnything"}]}')
        yield CrioStandIn(directory, empty_store(directory), refuse)


def refuse(body: bytes, context: Any) -> bytes:
    """What CRI-O answers to the pull of an image that it cannot decrypt."""
    context.abort(grpc.StatusCode.UNKNOWN, "missing private key needed for decryption")
    raise AssertionError


@contextlib.contextmanager
def running(stand_in: CrioStandIn) -> Iterator[None]:
    """Serve until the end of the block, so that it can be stopped and started again."""

    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc, unused-ignore]
        def service(self, details: Any) -> Any:
            method = str(details.method)
            return grpc.stream_stream_rpc_method_handler(
                lambda requests, context: stand_in.answer(method, requests, context)
            )

    server = grpc.server(ThreadPoolExecutor(64), handlers=[Handler()], options=LIMITS)
    inner = stand_in.directory / "grpc.sock"
    server.add_insecure_port(f"unix:{inner}")
    server.start()
    listener = socket.socket(socket.AF_UNIX)
    stand_in.socket.unlink(missing_ok=True)
    listener.bind(str(stand_in.socket))
    listener.listen(64)
    connections: list[socket.socket] = []
    thread = threading.Thread(target=_accept, args=(listener, inner, stand_in, connections), daemon=True)
    thread.start()
    try:
        yield
    finally:
        for each in [listener, *connections]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        thread.join(5)
        server.stop(None).wait(5)


def _accept(listener: socket.socket, inner: Path, stand_in: CrioStandIn, connections: list[socket.socket]) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connections.append(connection)
        threading.Thread(target=_serve, args=(connection, inner, stand_in, connections), daemon=True).start()


def _serve(connection: socket.socket, inner: Path, stand_in: CrioStandIn, connections: list[socket.socket]) -> None:
    """Tell HTTP/1 from HTTP/2 by the first bytes, as CRI-O does on its socket."""
    with contextlib.suppress(OSError):
        if connection.recv(3, socket.MSG_PEEK) == b"GET":
            connection.recv(65536)
            body = CONFIG.format(root=stand_in.root, driver=DRIVER, directory=stand_in.directory).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            connection.sendall(head.encode() + body)
            connection.close()
            return
        upstream = socket.socket(socket.AF_UNIX)
        upstream.connect(str(inner))
        connections.append(upstream)
        threading.Thread(target=_pipe, args=(upstream, connection), daemon=True).start()
        _pipe(connection, upstream)


def _pipe(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
