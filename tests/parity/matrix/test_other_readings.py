"""What is read without an image, row by row: digests by HEAD, tags, top-level manifests, every image of an index.

Both backends get the same, or the same class of error with the same manifest in it, and what they ask is counted. It is
not for real registries (tests/end_to_end). Rows follow docker/docker_image.go of containers/image.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pycoco.configuration.settings import Settings
from tests.parity import readings
from tests.parity.authenticating import BASIC, CREDS, PING, TOKEN, TOKEN_LINE, TOO_MANY
from tests.parity.fetching import config_of, encoded, manifest_of, mirrored, settings, sha256
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


RESOLVE = [
    Row("an image", readings.resolve("app:image"), (registry(),), lines=[PING, f"{HEAD}/image"], how="HEAD"),
    Row("an index", readings.resolve("app:index"), (registry(),), lines=[PING, f"{HEAD}/index"], how="HEAD"),
    Row("an artifact", readings.resolve("app:artifact"), (registry(),), lines=[PING, f"{HEAD}/artifact"], how="HEAD"),
    Row("other platforms", readings.resolve("app:elsewhere"), (registry(),), lines=[PING, f"{HEAD}/elsewhere"]),
    Row("no tag means latest", readings.resolve("app"), (registry(),), "NotFoundError", [PING, f"{HEAD}/latest"]),
    Row(
        "a digest is asked for as well",
        readings.resolve(f"app@{sha256(IMAGE)}"),
        (registry(),),
        lines=[PING, f"{HEAD}/{sha256(IMAGE)}"],
        how="HEAD",
    ),
    Row(
        "a digest that the registry contradicts",
        readings.resolve("app@sha256:" + "1" * 64),
        ({"/v2/": Answer(), f"{HEAD}/sha256:{'1' * 64}": served(OCI_MANIFEST, IMAGE)},),
        "DigestMismatchError",
    ),
    Row(
        "HEAD is not allowed",
        readings.resolve("app:index"),
        (told(sha256(PLAIN_INDEX), 405),),
        how="GET, as HEAD is not allowed",
    ),
    *(
        Row(
            f"the digest told is {digest!r}",
            readings.resolve("app:index"),
            (told(digest),),
            how="GET, as no sha256 digest is told",
        )
        for digest in (
            None,
            "",
            "sha512:" + "a" * 128,
            "sha256:" + "A" * 64,
            "sha256:1",
            "md5:" + "a" * 32,
            "../x",
            "x",
        )
    ),
    *(
        Row(f"status {status}", readings.resolve("app:index"), (told(sha256(PLAIN_INDEX), status),), error)
        for status, error in (
            (404, "NotFoundError"),
            (401, "UnauthorizedError"),
            (403, "DeniedError"),
            (400, "RegistryError"),
            (500, "UnavailableError"),
            (503, "UnavailableError"),
            (204, "RegistryError"),
        )
    ),
    Row(
        "too many requests, then an answer",
        readings.resolve("app:index"),
        (
            {
                **registry(),
                "/v2/app/manifests/index": [
                    TOO_MANY,
                    TOO_MANY,
                    Answer(headers=[("Docker-Content-Digest", sha256(IMAGE))]),
                ],
            },
        ),
        lines=[PING, *[f"{HEAD}/index"] * 3],
    ),
    Row(
        "a redirect is followed with HEAD",
        readings.resolve("app:index"),
        (told(None, 307, Location="/v2/app/manifests/image"),),
        lines=[PING, f"{HEAD}/index", f"{HEAD}/image"],
    ),
    Row(
        "a token",
        readings.resolve("app:image"),
        (guarded(),),
        lines=[PING, TOKEN_LINE, f"{HEAD}/image"],
    ),
    Row(
        "a token server that does not allow GET",
        readings.resolve("app:image"),
        (guarded(token=Answer(405)),),
        "RegistryError",
        lines=[PING, TOKEN_LINE],
    ),
    Row("a ping that is not allowed", readings.resolve("app:image"), ({"/v2/": Answer(405)},), "RegistryError", [PING]),
    Row(
        "an answer to HEAD that announces chunks",
        readings.resolve("app:index"),
        (
            {
                **registry(),
                f"{HEAD}/index": Answer(headers=[("Docker-Content-Digest", sha256(PLAIN_INDEX))], chunked=True),
            },
        ),
        lines=[PING, f"{HEAD}/index"],
    ),
    *(
        Row(
            f"status {status} that announces chunks",
            readings.resolve("app:index"),
            ({**registry(), f"{HEAD}/index": Answer(status, chunked=True)},),
            "RegistryError",
        )
        for status in (204, 304, 418)
    ),
    Row("a password", readings.resolve("app:image"), (guarded(scheme="Basic"),), options={"creds": CREDS}),
    Row("a wrong password", readings.resolve("app:image"), (guarded(scheme="Basic"),), "UnauthorizedError"),
    Row(
        "the mirror has it",
        readings.resolve("app:image"),
        (registry(), registry()),
        conf=MIRRORED,
        pull_source="registry0/app:image",
        lines=[PING, f"{HEAD}/image"],
    ),
    Row(
        "the mirror has it not",
        readings.resolve("app:image"),
        ({"/v2/": Answer()}, registry()),
        conf=MIRRORED,
        pull_source="registry1/app:image",
        lines=[PING, f"{HEAD}/image"] * 2,
    ),
    Row(
        "the mirror does not allow HEAD",
        readings.resolve("app:index"),
        (told("", 405), registry()),
        conf=MIRRORED,
        pull_source="registry0/app:index",
        how="GET, as HEAD is not allowed",
    ),
    Row(
        "nobody has it",
        readings.resolve("app:none"),
        (registry(), registry()),
        "NotFoundError",
        conf=MIRRORED,
    ),
    Row(
        "the mirror is for digests only",
        readings.resolve("app:image"),
        (registry(), registry()),
        conf=MIRRORED + 'pull-from-mirror = "digest-only"\n',
        pull_source="registry1/app:image",
    ),
    Row(
        "the mirror does not get the registry's password",
        readings.resolve("app:image"),
        (guarded(scheme="Basic"), guarded(scheme="Basic")),
        conf=MIRRORED,
        options={"creds": CREDS},
        pull_source="registry1/app:image",  # another port is another domain: the mirror refuses who has no password
    ),
    Row(
        "the registry is blocked",
        readings.resolve("app:image"),
        (registry(),),
        "BlockedError",
        conf='[[registry]]\nlocation = "host0"\nblocked = true\n',
        lines=[],
    ),
    Row(
        "a namespace-proxy",
        readings.resolve("app:index"),
        (registry(), registry()),
        conf=MIRRORED + 'namespace-proxy = "q.invalid"\n',
        how="GET, as there is a namespace-proxy",
        lines=[PING, f"{GET}/index?ns=q.invalid"],
    ),
    Row(
        "the registry lies elsewhere",
        readings.resolve("app:image"),
        (registry(), {"/v2/": Answer(500)}),
        conf='[[registry]]\nprefix = "host1"\nlocation = "host0"\n',
        pull_source="registry0/app:image",
    ),
    Row(
        "no answer",
        readings.resolve("app:index"),
        ({"/v2/": Answer(), f"{HEAD}/index": Answer(drop=True)},),
        "UnavailableError",
    ),
    Row(
        "what is no reference",
        lambda s, h: readings.result(s.resolve(f"{h[0]}/APP")),
        (registry(),),
        "InvalidReferenceError",
    ),
]
MANIFEST = [
    *(
        Row(f"the manifest of {name}", readings.manifest(f"app:{name}"), (registry(),), lines=[PING, f"{GET}/{name}"])
        for name in ("image", "index", "elsewhere", "kinds", "artifact", "empty", "list")
    ),
    *(
        Row(f"the manifest of {name}", readings.manifest(f"app:{name}"), (registry(),), error)
        for name, error in (
            ("ambiguous", "AmbiguousManifestError"),
            ("contradiction", "AmbiguousManifestError"),
            ("text", "UnsupportedManifestError"),
            ("schema1", "UnsupportedManifestError"),
            ("large", "TooLargeError"),
            ("none", "NotFoundError"),
        )
    ),
    Row("a manifest by digest", readings.manifest(f"app@{sha256(ARTIFACT)}"), (registry(),)),
    Row(
        "a manifest that is another one",
        readings.manifest("app@sha256:" + "1" * 64),
        ({"/v2/": Answer(), f"/v2/app/manifests/sha256:{'1' * 64}": served(OCI_MANIFEST, IMAGE)},),
        "DigestMismatchError",
    ),
    Row(
        "a manifest from a mirror",
        readings.manifest("app:artifact"),
        (registry(), registry()),
        conf=MIRRORED,
        pull_source="registry0/app:artifact",
    ),
]

INSTANCES = [
    Row(
        "every image, each document once",
        readings.instances("app:kinds"),
        (registry(),),
        lines=[
            PING,
            f"{GET}/kinds",
            f"{GET}/{sha256(IMAGE)}",
            f"GET {WITH_CONFIG}",
            f"{GET}/sha256:{'2' * 64}",
            f"{GET}/{sha256(SIBLING)}",
            f"{GET}/{sha256(PLAIN_INDEX)}",
            f"{GET}/{sha256(ARTIFACT)}",
        ],
        answer=[
            (0, "Fetched"),
            (2, "NotFoundError"),
            (3, "Fetched"),
            (4, "Fetched"),
            (6, "ManifestError"),
            (7, "UnsupportedManifestError"),
            (8, "NotAnImageError"),
            (9, "Fetched"),
        ],
    ),
    Row("one image", readings.instances("app:image"), (registry(),), answer=[(0, "Fetched")]),
    Row("a docker list", readings.instances("app:list"), (registry(),), answer=[(0, "Fetched")]),
    Row("an empty index", readings.instances("app:empty"), (registry(),), answer=[]),
    Row("an artifact's", readings.instances("app:artifact"), (registry(),), "NotAnImageError"),
    Row("an ambiguous one's", readings.instances("app:ambiguous"), (registry(),), "AmbiguousManifestError"),
    Row("nothing's", readings.instances("app:none"), (registry(),), "NotFoundError"),
    Row(
        "more images than are read",
        readings.instances("app:index"),
        (registry(index=served(OCI_INDEX, index_of(*[entry(sha256(IMAGE), "amd64")] * 1001))),),
        "TooLargeError",
    ),
    Row(
        "from a mirror",
        readings.instances("app:index"),
        (registry(), registry()),
        conf=MIRRORED,
        pull_source="registry0/app:index",
    ),
]

READ = [
    Row(
        "no image for this platform",
        readings.image("app:elsewhere"),
        (registry(),),
        "NoMatchingPlatformError",
        answer="elsewhere",
    ),
    Row("an artifact", readings.image("app:artifact"), (registry(),), "NotAnImageError", answer="artifact"),
    Row(
        "an artifact in an index",
        readings.image("app:index-of-artifacts"),
        (registry(),),
        "NotAnImageError",
        answer="index-of-artifacts",
    ),
]


def pages(*links: str) -> Callable[[], Script]:
    """A registry whose pages of tags have these Links, one after the other; the last has none."""

    def make() -> Script:
        count = 0

        def script(request: Request) -> Answer:
            nonlocal count
            if request.path == "/v2/":
                return Answer()
            at, count = count, count + 1
            headers = [("Link", links[at].replace("HOST", request.header("Host") or ""))] if at < len(links) else []
            return Answer(headers=headers, body=json.dumps({"name": "app", "tags": [f"v{at}"]}).encode())

        return script

    return make


def listing(body: bytes, status: int = 200, **headers: str) -> dict[str, Route]:
    """A registry with this as its list of tags."""
    return {"/v2/": Answer(), TAGS: Answer(status, list(headers.items()), body)}


LIST = [
    Row("one page", readings.tags("app"), (listing(b'{"name":"app","tags":["b","a"]}'),), answer=["b", "a"]),
    Row(
        "pages as distribution links them",
        readings.tags("app"),
        (pages('</v2/app/tags/list?last=v0&n=1>; rel="next"', '</v2/app/tags/list?last=v1&n=1>; rel="next"'),),
        answer=["v0", "v1", "v2"],
    ),
    Row(
        "pages as ECR links them",
        readings.tags("app"),
        (pages('<https://123.dkr.ecr.invalid/v2/app/tags/list?last=djA%3D&n=1000>; rel="next"'),),
        answer=["v0", "v1"],
    ),
    Row(
        "pages as Quay links them",
        readings.tags("app"),
        (pages('</v2/app/tags/list?n=100&next_page=gAAAAABm%3D%3D>; rel="next"'),),
        answer=["v0", "v1"],
    ),
    Row("a Link without brackets", readings.tags("app"), (pages("/v2/app/tags/list?last=v0"),), answer=["v0", "v1"]),
    Row(
        "a Link with a host and no scheme",
        readings.tags("app"),
        (pages("<//elsewhere.invalid/v2/app/tags/list?a>"),),
        answer=["v0", "v1"],
    ),
    Row(
        "another path of the registry", readings.tags("app"), (pages("</v2/_other/list?last=v0>"),), answer=["v0", "v1"]
    ),
    *(
        Row(f"a Link to {link[:40]}", readings.tags("app"), (pages(link),), "RegistryError")
        for link in (
            "<.elsewhere.invalid/v2/>",
            "<tags/list?last=v0>",
            "<?last=v0>",
            "<0/v2/app/tags/list>",
            "<@elsewhere.invalid/v2/app/tags/list>",
            "<%zz>",
            "<:>",
            "</%zz>",
            "</v2/app/tags/list?last=" + "x" * 9000 + ">",
            "</>",
        )
    ),
    Row(
        "a Link to the page itself",
        readings.tags("app"),
        (pages(*["</v2/app/tags/list?last=v0>"] * 20),),
        "RegistryError",
    ),
    Row(
        "Links in a circle",
        readings.tags("app"),
        (pages(*["</v2/app/tags/list?last=a>", "</v2/app/tags/list?last=b>"] * 10),),
        "RegistryError",
    ),
    Row("no tags", readings.tags("app"), (listing(b'{"name":"app","tags":null}'),), answer=[]),
    Row("null", readings.tags("app"), (listing(b"null"),), answer=[]),
    Row("other keys in another case", readings.tags("app"), (listing(b'{"NAME":1,"TAGS":["a"]}'),), answer=["a"]),
    Row("what follows the list", readings.tags("app"), (listing(b'{"tags":["a"]} and more'),), answer=["a"]),
    Row("null and empty tags", readings.tags("app"), (listing(b'{"tags":[null,"","a"]}'),), answer=["a"]),
    Row(
        "a digest among the tags", readings.tags("app"), (listing(encoded({"tags": [sha256(b""), "a"]})),), answer=["a"]
    ),
    *(
        Row(f"the list {body!r}", readings.tags("app"), (listing(body),), "RegistryError")
        for body in (
            b"[]",
            b'{"tags":"a"}',
            b'{"tags":[1]}',
            b'{"tags":["a b"]}',
            b'{"tags":["-a"]}',
            b'{"tags":{}}',
            b"no",
        )
    ),
    *(
        Row(f"the list that stops at {body!r}", readings.tags("app"), (listing(body),), "UnavailableError")
        for body in (b"", b'{"tags":["a"', b'{"tags":["a', b'{"tags":', b" ")
    ),
    *(
        Row(f"tags with status {status}", readings.tags("app"), (listing(body, status),), error)
        for status, body, error in (
            (404, b'{"errors":[{"code":"NAME_UNKNOWN"}]}', "NotFoundError"),
            (404, b"", "NotFoundError"),
            (403, b"", "DeniedError"),
            (405, b"", "RegistryError"),
            (500, b"", "UnavailableError"),
        )
    ),
    Row("tags with a token", readings.tags("app"), (guarded(),), answer=["a"]),
    Row(
        "tags with a password", readings.tags("app"), (guarded(scheme="Basic"),), options={"creds": CREDS}, answer=["a"]
    ),
    Row(
        "too many requests for tags",
        readings.tags("app"),
        ({"/v2/": Answer(), TAGS: [TOO_MANY, TOO_MANY, Answer(body=b'{"tags":["a"]}')]},),
        answer=["a"],
    ),
    Row(
        "no mirror is asked",
        readings.tags("app"),
        (listing(b"no"), listing(b'{"tags":["a"]}')),
        conf=MIRRORED,
        answer=["a"],
    ),
    Row(
        "nor another location",
        readings.tags("app"),
        (listing(b"no"), listing(b'{"tags":["a"]}')),
        conf='[[registry]]\nprefix = "host1"\nlocation = "host0"\n',
        answer=["a"],
    ),
    Row(
        "tags of a blocked registry",
        readings.tags("app"),
        (listing(b'{"tags":["a"]}'),),
        "BlockedError",
        conf='[[registry]]\nlocation = "host0"\nblocked = true\n',
        lines=[],
    ),
]


@pytest.mark.parametrize("row", [*RESOLVE, *MANIFEST, *INSTANCES, *READ, *LIST], ids=str)
def test_both_read_the_same(row: Row, tmp_path: Path) -> None:
    both = row.read(tmp_path)
    for reading in both:
        if row.error:
            assert isinstance(reading.value, dict), reading.value
            assert reading.value.get("error") == row.error, reading.error
        else:
            assert reading.error is None, reading.error
        if row.lines is not None:
            assert reading.lines == row.lines
        if row.how:
            assert reading.value["how"] == row.how
        if row.pull_source:
            source = reading.value.get("top", reading.value)
            assert source["pull_source"] == row.pull_source
        _check_answer(row, reading)


def _check_answer(row: Row, reading: Reading) -> None:
    if row in LIST and not row.error:
        assert reading.value == [f"registry{len(row.tables) - 1}/app", row.answer]
    elif row in INSTANCES and row.answer is not None:
        found = [(place, each.get("type") or each["error"]) for place, each in reading.value["instances"]]
        assert found == row.answer
    elif row in READ:
        media_type, body = TOP[row.answer]
        assert reading.value == {
            "error": row.error,
            "digest": sha256(body),
            "media_type": media_type,
            "raw_manifest": body,
        }


def test_what_python_is_told_by_head_and_go_is_not(tmp_path: Path) -> None:
    """containers/image's GetDigest returns the digest alone; the type and size are the Python backend's extra."""
    go, python = Row("", readings.resolve("app:index"), (registry(),)).read(tmp_path)
    assert (go.value["media_type"], go.value["size"]) == ("", None)
    assert (python.value["media_type"], python.value["size"]) == (OCI_INDEX, len(PLAIN_INDEX))


def test_a_mirror_of_another_host_is_not_sent_the_password(tmp_path: Path) -> None:
    def scripts() -> list[Script]:
        return [guarded(scheme="Basic")(), guarded(scheme="Basic")()]

    for reading in read_from(
        scripts, mirrored(tmp_path), lambda s, h: readings.result(s.resolve("q.invalid/app:image", timeout=20))
    ):
        assert reading.value["error"] == "UnauthorizedError"
        assert BASIC not in reading.sent
