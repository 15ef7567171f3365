"""Who is compared: pycoco's two backends, programs, and Python libraries, each doing the same work at its best.

The work: of one reference, the linux/amd64 manifest and the bytes of its config. A program is a process for each image;
a library keeps what it can between images. It is not for timing anything.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.setting import Access, Setting

if TYPE_CHECKING:  # importing it is part of what is measured
    from pycoco import BackendName

PLATFORM = "linux/amd64"
INDEX_TYPES = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
]
MANIFEST_TYPES = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
]

Read = Callable[[str], object]
"""Read the config of a reference; never nothing."""

TWINS: dict[str, BackendName] = {"pycoco go": "go", "pycoco python": "python"}
NEWER_SKOPEO = "newer skopeo"
_SKOPEOS = ("skopeo", NEWER_SKOPEO)
PROGRAMS = ("skopeo", NEWER_SKOPEO, "crane", "regctl")
"""Those that may take part: of skopeo the one on PATH, and one that PYCOCO_BENCH_SKOPEO names."""
LIBRARIES = ("oras", "python-dxf", "aioregistry", "containerimage-py")


def libraries() -> list[str]:
    """Those of LIBRARIES that are installed: aioregistry needs Python 3.11."""
    return [name for name in LIBRARIES if name != "aioregistry" or importlib.util.find_spec(name)]


def programs(setting: Setting) -> list[str]:
    """Those of PROGRAMS that are there."""
    return [name for name in PROGRAMS if name not in _SKOPEOS or name in setting.skopeos]


def command(program: str, setting: Setting, access: Access, reference: str) -> list[str]:
    """Return the command that prints the config of `reference`."""
    if program in _SKOPEOS:
        # --raw leaves out reformatting, which the others do not do.
        verify = [] if access.secured else ["--tls-verify=false"]
        credentials = ["--authfile", setting.auth_file] if access.secured else ["--no-creds"]
        return [
            setting.skopeos[program],
            "inspect",
            "--config",
            "--raw",
            *verify,
            *credentials,
            f"docker://{reference}",
        ]
    if program == "crane":
        return [setting.crane, "config", "--platform", PLATFORM, reference]
    if program == "regctl":
        host = [] if access.secured else ["--host", f"reg={access.host},tls=disabled"]
        return [setting.regctl, *host, "image", "config", "--platform", PLATFORM, reference]
    options = ["--platform", PLATFORM, "--backend", TWINS[program]]
    options += ["--auth-file", setting.auth_file] if access.secured else ["--tls-verify=false"]
    return [setting.pycoco, "config", *options, reference]


def command_that_tells_the_digest(program: str, setting: Setting, access: Access, reference: str) -> list[str]:
    """Return the command that tells whether a tag has moved, where the program has one."""
    if program == "crane":
        return [setting.crane, "digest", reference]
    if program == "regctl":
        return [setting.regctl, "image", "digest", reference]
    skopeo = setting.skopeos[program]
    return [skopeo, "inspect", "--raw", "--authfile", setting.auth_file, f"docker://{reference}"]


@contextlib.contextmanager
def library(name: str, setting: Setting, access: Access) -> Iterator[Read]:
    """Open what a library keeps between images, and yield how it reads one."""
    opened = {"oras": _oras, "python-dxf": _dxf, "containerimage-py": _containerimage}[name]
    with warnings.catch_warnings(), opened(setting, access) as read:
        warnings.simplefilter("ignore")
        yield _authenticated_once(read)


def _authenticated_once(read: Read) -> Read:
    """Let one thread alone ask first for a repository: these libraries fail where two get its token at once."""
    locks: dict[str, threading.Lock] = {}
    ready: set[str] = set()

    def read_after_the_first(reference: str) -> object:
        name, _ = _split(reference)
        if name in ready:
            return read(reference)
        with locks.setdefault(name, threading.Lock()):
            found = read(reference)
        ready.add(name)
        return found

    return read_after_the_first


def _amd64(index: dict[str, object]) -> str:
    manifests = index["manifests"]
    assert isinstance(manifests, list)
    for entry in manifests:
        if entry["platform"]["architecture"] == "amd64":
            return str(entry["digest"])
    raise LookupError("the index has no linux/amd64")


def _split(reference: str) -> tuple[str, str]:
    """Return repository without registry, and tag or digest."""
    path = reference.partition("/")[2]
    separator = "@" if "@" in path else ":"
    name, _, wanted = path.partition(separator)
    return name, wanted


@contextlib.contextmanager
def _oras(setting: Setting, access: Access) -> Iterator[Read]:
    import oras.container
    import oras.provider

    # One for each repository: it keeps one token, and does not ask for another when that is refused.
    registries: dict[str, oras.provider.Registry] = {}

    def registry_of(name: str) -> oras.provider.Registry:
        if name not in registries:
            made = oras.provider.Registry(access.host, insecure=not access.secured, tls_verify=setting.authority)
            if access.secured:
                made.auth.set_basic_auth(access.user, access.password)
            registries[name] = made
        return registries[name]

    def read(reference: str) -> object:
        name, _ = _split(reference)
        registry = registry_of(name)
        index = registry.get_manifest(oras.container.Container(reference), allowed_media_type=INDEX_TYPES)
        container = oras.container.Container(f"{access.host}/{name}@{_amd64(index)}")
        manifest = registry.get_manifest(container, allowed_media_type=MANIFEST_TYPES)
        return registry.get_blob(container, manifest["config"]["digest"]).content

    yield read
    for each in registries.values():
        each.session.close()


@contextlib.contextmanager
def _dxf(setting: Setting, access: Access) -> Iterator[Read]:
    import dxf
    import requests

    def authenticate(asked: dxf.DXFBase, response: requests.Response) -> None:
        asked.authenticate(access.user, access.password, response=response)

    with contextlib.ExitStack() as stack:
        repositories: dict[str, dxf.DXF] = {}

        def repository_of(name: str) -> dxf.DXF:
            if name not in repositories:
                verify = setting.authority if access.secured else True
                auth = authenticate if access.secured else None
                made = dxf.DXF(access.host, name, auth, insecure=not access.secured, tlsverify=verify)
                repositories[name] = stack.enter_context(made)  # which makes it keep its connections
            return repositories[name]

        def read(reference: str) -> object:
            name, wanted = _split(reference)
            repository = repository_of(name)
            manifest = json.loads(repository.get_manifest(wanted, platform=PLATFORM))
            return b"".join(repository.pull_blob(manifest["config"]["digest"]))

        yield read


@contextlib.contextmanager
def _containerimage(setting: Setting, access: Access) -> Iterator[Read]:
    from image.containerimage import ContainerImage

    auth = json.loads(Path(setting.auth_file).read_text()) if access.secured else {}

    def read(reference: str) -> object:
        # It takes the host's platform from an index, and nothing can be kept from one image to the next.
        return ContainerImage(reference).get_config(auth=auth, http=not access.secured)

    yield read
