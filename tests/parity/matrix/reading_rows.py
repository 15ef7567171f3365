"""What the rows about other readings than an image share: a registry's content, and a row that both backends read.

It is not for the rows (test_other_readings.py, test_tag_lists.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pycoco.configuration.settings import Settings
from tests.parity import readings
from tests.parity.authenticating import BASIC, TOKEN
from tests.parity.fetching import config_of, encoded, manifest_of, settings, sha256
from tests.parity.readings import Reading, read_from
from tests.support.media_types import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST
from tests.support.scripted_registry import Answer, Request, Route, Routes, Script

CONFIG = config_of()
IMAGE = manifest_of(CONFIG)
SIBLING = manifest_of(CONFIG, annotations={"a": "sibling"})
ARTIFACT = encoded(
    {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/spdx+json",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": sha256(b"{}"), "size": 2},
        "layers": [],
        "subject": {"mediaType": OCI_MANIFEST, "digest": sha256(IMAGE), "size": len(IMAGE)},
        "annotations": {"made": "by hand"},
    }
)


def entry(digest: str, architecture: str, os: str = "linux", **more: Any) -> dict[str, Any]:
    """An index's entry."""
    platform = {"os": os, "architecture": architecture}
    return {"mediaType": OCI_MANIFEST, "digest": digest, "size": 1, "platform": platform, **more}


def index_of(*entries: dict[str, Any], media_type: str = OCI_INDEX) -> bytes:
    """An index."""
    return encoded({"schemaVersion": 2, "mediaType": media_type, "manifests": list(entries)})


PLAIN_INDEX = index_of(entry(sha256(IMAGE), "amd64"), entry(sha256(SIBLING), "arm64"))
ELSEWHERE = index_of(entry(sha256(IMAGE), "mips", "plan9"), entry(sha256(SIBLING), "s390x", "plan9"))
ALL_KINDS = index_of(
    entry(sha256(IMAGE), "amd64"),
    entry("sha256:" + "3" * 64, "arm64", annotations={"vnd.docker.reference.type": "attestation-manifest"}),
    entry("sha256:" + "2" * 64, "arm64"),
    entry(sha256(SIBLING), "s390x"),
    entry(sha256(IMAGE), "386"),
    entry("sha256:" + "4" * 64, "unknown", "unknown"),
    entry("sha256:../x", "riscv64"),
    entry(sha256(PLAIN_INDEX), "mips"),
    entry(sha256(ARTIFACT), "ppc64le"),
    {"mediaType": OCI_MANIFEST, "digest": sha256(SIBLING), "size": 1},
)
TOP = {
    "image": (OCI_MANIFEST, IMAGE),
    "index": (OCI_INDEX, PLAIN_INDEX),
    "elsewhere": (OCI_INDEX, ELSEWHERE),
    "kinds": (OCI_INDEX, ALL_KINDS),
    "artifact": (OCI_MANIFEST, ARTIFACT),
    "index-of-artifacts": (OCI_INDEX, index_of(entry(sha256(ARTIFACT), "amd64"))),
    "list": (DOCKER_LIST, index_of(entry(sha256(IMAGE), "amd64", annotations=5), media_type=DOCKER_LIST)),
    "empty": (OCI_INDEX, index_of()),
    "ambiguous": (OCI_MANIFEST, encoded({"schemaVersion": 2, "config": {}, "layers": [], "manifests": []})),
    "contradiction": (OCI_MANIFEST, PLAIN_INDEX),
    "text": ("text/plain", IMAGE),
    "schema1": ("application/vnd.docker.distribution.manifest.v1+json", b'{"schemaVersion": 1}'),
    "large": (OCI_INDEX, PLAIN_INDEX + b" " * (4 * 1024 * 1024)),
}
HEAD = "HEAD /v2/app/manifests"
GET = "GET /v2/app/manifests"
TAGS = "/v2/app/tags/list"


def served(media_type: str, body: bytes) -> Script:
    """A manifest as a registry serves it: GET with its body, HEAD with its digest."""

    def script(request: Request) -> Answer:
        headers = [("Content-Type", media_type), ("Docker-Content-Digest", sha256(body))]
        return Answer(headers=headers, body=body)

    return script


def registry(**changed: Route) -> dict[str, Route]:
    """A registry that has TOP by tag, and all of it by digest; `changed` are routes by tag."""
    table: dict[str, Route] = {"/v2/": Answer(body=b"{}"), f"/v2/app/blobs/{sha256(CONFIG)}": Answer(body=CONFIG)}
    for name, (media_type, body) in TOP.items():
        table[f"/v2/app/manifests/{name}"] = changed.get(name, served(media_type, body))
        table.setdefault(f"/v2/app/manifests/{sha256(body)}", served(media_type, body))
    table[f"/v2/app/manifests/{sha256(SIBLING)}"] = served(OCI_MANIFEST, SIBLING)
    return table


def told(digest: str | None, status: int = 200, **headers: str) -> dict[str, Route]:
    """A registry whose answer to HEAD for index is this, and to GET as usual."""
    told_headers = [] if digest is None else [("Docker-Content-Digest", digest)]
    table = registry()
    del table["/v2/app/manifests/index"]
    table[f"{HEAD}/index"] = Answer(status, [*told_headers, *headers.items()])
    table[f"{GET}/index"] = served(OCI_INDEX, PLAIN_INDEX)
    return table


@dataclass(frozen=True)
class Row:
    """One line of the matrix: what is asked for, of which registries, and what both must make of it."""

    name: str
    ask: readings.Ask
    tables: tuple[Callable[[], Script] | dict[str, Route], ...]
    error: str = ""
    lines: list[str] | None = None
    options: dict[str, Any] = field(default_factory=dict)
    conf: str = ""
    pull_source: str = ""
    how: str = ""
    answer: Any = None

    def __str__(self) -> str:
        return self.name

    def read(self, home: Path) -> list[Reading]:
        """Ask both backends."""

        def chosen(*hosts: str) -> Settings:
            options = dict(self.options)
            if self.conf:
                file = home / f"{'-'.join(hosts).replace(':', '-')}.conf"
                text = self.conf
                for number, host in enumerate(hosts):
                    text = text.replace(f"host{number}", host)
                file.write_text(text)
                options["registries_conf"] = str(file)
            return settings(home, **options)

        def scripts() -> list[Script]:
            return [Routes(table) if isinstance(table, dict) else table() for table in self.tables]

        return read_from(scripts, chosen, self.ask)


MIRRORED = '[[registry]]\nlocation = "host1"\n[[registry.mirror]]\nlocation = "host0"\n'
WITH_CONFIG = f"/v2/app/blobs/{sha256(CONFIG)}"


def guarded(*, scheme: str = "Bearer", token: Answer = TOKEN) -> Callable[[], Script]:
    """A registry that wants a token, or a password, for everything."""

    def make() -> Script:
        inner = Routes(registry())

        def script(request: Request) -> Answer:
            challenge = f'{scheme} realm="http://{request.header("Host")}/token",service="svc"'
            if request.path == "/token":
                return token
            wanted = "Bearer t0k" if scheme == "Bearer" else BASIC
            if request.path == "/v2/" or request.header("Authorization") != wanted:
                return Answer(401, [("WWW-Authenticate", challenge)])
            if request.path == TAGS:
                return Answer(body=b'{"tags":["a"]}')
            return inner(request)

        return script

    return make
