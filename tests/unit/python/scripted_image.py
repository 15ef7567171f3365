"""A multi-arch image as a scripted registry serves it, and what tests need to read it through the Python twin.

It is not a test, and knows nothing of how the twin works inside.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pycoco.backends.contract import Fetched
from pycoco.backends.python.backend import PythonBackend
from pycoco.backends.python.session import PythonSession
from pycoco.configuration.settings import Settings
from pycoco.documents import digest as digests
from pycoco.documents.values import RequestedPlatform
from pycoco.errors import (
    PycocoError,
)
from pycoco.layout.store import Store
from tests.support.scripted_registry import Answer, Request, Route, Routes, Script, ScriptedRegistry

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
LIMIT = 4 * 1024 * 1024
ARM64 = RequestedPlatform("linux", "arm64")


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


@dataclass(frozen=True)
class ScriptedImage:
    """An index of two images without layers, and the routes that serve it at a/b:v1."""

    config: bytes = as_json({"architecture": "arm64", "os": "linux", "config": {}, "rootfs": {"type": "layers"}})

    @property
    def manifest(self) -> bytes:
        descriptor = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digests.of(self.config)}
        layer = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": "sha256:" + "1" * 64, "size": 1}
        return as_json(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": {**descriptor, "size": len(self.config)},
                "layers": [layer],
            }
        )

    @property
    def index(self) -> bytes:
        entry = {"mediaType": OCI_MANIFEST, "digest": digests.of(self.manifest), "size": len(self.manifest)}
        other = {"mediaType": OCI_MANIFEST, "digest": "sha256:" + "2" * 64, "size": 1}
        return as_json(
            {
                "schemaVersion": 2,
                "mediaType": OCI_INDEX,
                "manifests": [
                    {**other, "platform": {"os": "linux", "architecture": "amd64"}},
                    {**entry, "platform": {"os": "linux", "architecture": "arm64"}},
                ],
            }
        )

    @property
    def instance_path(self) -> str:
        return f"/v2/a/b/manifests/{digests.of(self.manifest)}"

    @property
    def config_path(self) -> str:
        return f"/v2/a/b/blobs/{digests.of(self.config)}"

    @property
    def routes(self) -> dict[str, Route]:
        return {
            "GET /v2/": Answer(),
            "GET /v2/a/b/manifests/v1": Answer(body=self.index, headers=[("Content-Type", OCI_INDEX)]),
            f"GET /v2/a/b/manifests/{digests.of(self.index)}": Answer(
                body=self.index, headers=[("Content-Type", OCI_INDEX)]
            ),
            f"GET {self.instance_path}": Answer(body=self.manifest, headers=[("Content-Type", OCI_MANIFEST)]),
            f"GET {self.config_path}": Answer(body=self.config),
        }


IMAGE = ScriptedImage()
PATHS = ["/v2/", "/v2/a/b/manifests/v1", IMAGE.instance_path, IMAGE.config_path]


@dataclass
class Twin:
    """Opens sessions with files of its own and closes them."""

    home: Path
    sessions: list[PythonSession] = field(default_factory=list)

    def open(self, **settings: Any) -> PythonSession:
        registries = self.home / "registries.conf"
        if not registries.exists():
            registries.write_text("")
        values: dict[str, Any] = {
            "registries_conf": str(registries),
            "registries_conf_dir": str(self.home / "registries.conf.d"),
            "tls_verify": False,
            "environ": {"HOME": str(self.home)},
            **settings,
        }
        known = Store(settings["store"]).get if "store" in settings else None
        session = PythonBackend().open(Settings(**values), known=known)
        self.sessions.append(session)
        return session

    def fetch(self, registry: ScriptedRegistry, reference: str = "a/b:v1", **settings: Any) -> Fetched:
        return self.open(**settings).fetch(f"{registry.host}/{reference}", platform=ARM64, timeout=20).result()


Serve = Callable[..., ScriptedRegistry]


def routes(changes: dict[str, Route] | None = None, *, image: ScriptedImage = IMAGE) -> Routes:
    return Routes({**image.routes, **(changes or {})})


def of_type(error: type[PycocoError]) -> pytest.RaisesExc[PycocoError]:
    """Like pytest.raises, of exactly this class."""
    return pytest.RaisesExc(error, check=lambda raised: type(raised) is error)


def served(image: ScriptedImage, tag: str) -> Answer:
    answer = image.routes[f"GET /v2/a/b/manifests/{tag}"]
    assert isinstance(answer, Answer)
    return answer


class Authentication:
    """A script that wants a token of its own making for everything but the ping and the token itself."""

    def __init__(self, inner: Script, token: dict[str, Any] | None = None, **parameters: str) -> None:
        self._inner = inner
        self.token = {"token": "t0"} if token is None else token
        self.accepted: set[str] | None = None
        self.parameters = parameters
        self.host = ""

    def challenge(self) -> tuple[str, str]:
        parameters = {"realm": f"http://{self.host}/token", "service": "registry", **self.parameters}
        return ("WWW-Authenticate", "Bearer " + ",".join(f'{name}="{value}"' for name, value in parameters.items()))

    def __call__(self, request: Request) -> Answer:
        self.host = request.header("Host") or ""
        if request.path == "/v2/":
            return Answer(401, headers=[self.challenge()])
        if request.path == "/token":
            return Answer(body=as_json(self.token))
        sent = request.header("Authorization")
        if self.accepted is not None and sent not in self.accepted:
            return Answer(401, headers=[self.challenge()])
        return self._inner(request)


def credentials_file(directory: Path, entries: dict[str, str]) -> str:
    path = directory / "auth.json"
    encoded = {key: {"auth": base64.b64encode(value.encode()).decode()} for key, value in entries.items()}
    path.write_text(json.dumps({"auths": encoded}))
    return str(path)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
