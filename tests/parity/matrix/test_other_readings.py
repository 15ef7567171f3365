"""What is read without an image, row by row: digests by HEAD, top-level manifests, every image of an index.

Both backends get the same, or the same class of error with the same manifest in it, and what they ask is counted. It is
not for tags (test_tag_lists.py) nor for real registries (tests/end_to_end). Rows follow docker/docker_image.go of
containers/image.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parity import readings
from tests.parity.authenticating import BASIC, CREDS, PING, TOKEN_LINE, TOO_MANY
from tests.parity.fetching import TIMEOUT, mirrored, sha256
from tests.parity.matrix.reading_rows import (
    ARTIFACT,
    GET,
    HEAD,
    IMAGE,
    MIRRORED,
    PLAIN_INDEX,
    SIBLING,
    TOP,
    WITH_CONFIG,
    Row,
    entry,
    guarded,
    index_of,
    registry,
    served,
    told,
)
from tests.parity.readings import Reading, read_from
from tests.support.media_types import OCI_INDEX, OCI_MANIFEST
from tests.support.scripted_registry import Answer, Route, Script

# A registry that fails once; whoever asks again is told.
_FAILS_ONCE: dict[str, Route] = {
    **registry(),
    f"{HEAD}/image": [Answer(503), Answer(headers=[("Docker-Content-Digest", sha256(IMAGE))])],
}

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
        "a short name's alias",
        lambda session, _: readings.result(session.resolve("thing:image", timeout=TIMEOUT)),
        (registry(),),
        conf='[aliases]\n"thing" = "host0/app"\n',
        pull_source="registry0/app:image",
    ),
    Row(
        "a short name's second candidate",
        lambda session, _: readings.result(session.resolve("app:image", timeout=TIMEOUT)),
        ({"/v2/": Answer()}, registry()),
        conf='unqualified-search-registries = ["host0", "host1"]\n',
        options={"short_names": "permissive"},
        pull_source="registry1/app:image",
    ),
    Row(
        "a short name of two registries",
        lambda session, _: readings.result(session.resolve("app:image", timeout=TIMEOUT)),
        (registry(), registry()),
        "ShortNameError",
        [],
        conf='unqualified-search-registries = ["host0", "host1"]\n',
    ),
    Row(
        "plain http that nothing allows",
        readings.resolve("app:image"),
        (registry(),),
        "UnavailableError",
        options={"tls_verify": None},
    ),
    Row(
        "plain http that registries.conf allows for the mirror alone",
        readings.resolve("app:image"),
        (registry(), registry()),
        conf=MIRRORED + "insecure = true\n",
        options={"tls_verify": None},
        pull_source="registry0/app:image",
    ),
    Row("asked again", readings.resolve("app:image"), (_FAILS_ONCE,), options={"retries": 1}, how="HEAD"),
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


@pytest.mark.parametrize("row", [*RESOLVE, *MANIFEST, *INSTANCES, *READ], ids=str)
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
    if row in INSTANCES and row.answer is not None:
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


@pytest.mark.parametrize(
    ("headers", "length", "told_type", "told_size"),
    [
        ([("Content-Type", OCI_INDEX)], 512, OCI_INDEX, 512),
        ([("Content-Type", f"{OCI_INDEX}; charset=utf-8")], 0, OCI_INDEX, 0),
        ([("Content-Type", "Application/X")], 7, "application/x", 7),
        ([("Content-Type", "a b/c")], 10**14, "", 10**14),
        ([("Content-Type", OCI_INDEX), ("Content-Type", "x/y")], 10**15, OCI_INDEX, None),
        ([], 1, "", 1),
    ],
)
def test_the_type_and_the_size_that_head_tells(
    tmp_path: Path, headers: list[tuple[str, str]], length: int, told_type: str, told_size: int | None
) -> None:
    answer = Answer(headers=[("Docker-Content-Digest", sha256(PLAIN_INDEX)), *headers], length=length)
    for reading in Row("", readings.resolve("app:index"), ({**registry(), f"{HEAD}/index": answer},)).read(tmp_path):
        assert (reading.value["media_type"], reading.value["size"]) == (told_type, told_size)


def test_of_a_redirected_head_the_last_answer_tells(tmp_path: Path) -> None:
    digest = ("Docker-Content-Digest", sha256(PLAIN_INDEX))
    table = {
        **registry(),
        f"{HEAD}/index": Answer(307, [("Location", "/elsewhere"), ("Content-Type", "x/first")], length=1),
        "HEAD /elsewhere": Answer(headers=[digest, ("Content-Type", "x/last")], length=2),
    }
    for reading in Row("", readings.resolve("app:index"), (table,)).read(tmp_path):
        assert (reading.value["media_type"], reading.value["size"]) == ("x/last", 2)


def test_a_mirror_of_another_host_is_not_sent_the_password(tmp_path: Path) -> None:
    def scripts() -> list[Script]:
        return [guarded(scheme="Basic")(), guarded(scheme="Basic")()]

    for reading in read_from(
        scripts, mirrored(tmp_path), lambda s, h: readings.result(s.resolve("q.invalid/app:image", timeout=20))
    ):
        assert reading.value["error"] == "UnauthorizedError"
        assert BASIC not in reading.sent
