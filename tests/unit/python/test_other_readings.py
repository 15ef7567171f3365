"""What the Python twin asks for when less than an image is wanted, or more: requests counted, claims kept apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pycoco.backends.contract import Fetched, FetchedInstances, Resolved
from pycoco.backends.python.registry import tag_list
from pycoco.documents import digest as digests
from pycoco.errors import (
    DigestMismatchError,
    ManifestError,
    NotFoundError,
    RegistryError,
    TooLargeError,
    UnsupportedManifestError,
)
from tests.support.scripted_registry import Answer, Request, Route, Routes
from tests.unit.python.scripted_image import IMAGE, OCI_INDEX, OCI_MANIFEST, Serve, Twin, of_type, routes

TOLD = Answer(
    headers=[("Docker-Content-Digest", digests.of(IMAGE.index)), ("Content-Type", OCI_INDEX)], body=IMAGE.index
)
TAGS = "/v2/a/b/tags/list"


def lines(requests: list[Request]) -> list[str]:
    return [f"{request.method} {request.target}" for request in requests]


def test_resolving_is_one_head_once_the_ping_is_known(twin: Twin, serve: Serve) -> None:
    registry = serve(routes({"HEAD /v2/a/b/manifests/v1": TOLD}))
    session = twin.open()
    for _ in range(3):
        found = session.resolve(f"{registry.host}/a/b:v1", timeout=20).result()
    assert found == Resolved(
        f"{registry.host}/a/b:v1", f"{registry.host}/a/b:v1", digests.of(IMAGE.index), OCI_INDEX, len(IMAGE.index)
    )
    assert lines(registry.requests) == ["GET /v2/", *["HEAD /v2/a/b/manifests/v1"] * 3]
    assert not registry.requests[1].all("Accept-Encoding")


@pytest.mark.parametrize(
    ("answer", "how"),
    [
        (Answer(405), "GET, as HEAD is not allowed"),
        (Answer(), "GET, as no sha256 digest is told"),
        (Answer(headers=[("Docker-Content-Digest", "sha512:" + "a" * 128)]), "GET, as no sha256 digest is told"),
        (Answer(headers=[("Docker-Content-Digest", "sha256:../../x")]), "GET, as no sha256 digest is told"),
    ],
)
def test_a_head_that_says_nothing_is_followed_by_a_get(twin: Twin, serve: Serve, answer: Answer, how: str) -> None:
    registry = serve(routes({"HEAD /v2/a/b/manifests/v1": answer}))
    found = twin.open().resolve(f"{registry.host}/a/b:v1", timeout=20).result()
    assert (found.digest, found.media_type, found.size, found.how) == (
        digests.of(IMAGE.index),
        OCI_INDEX,
        len(IMAGE.index),
        how,
    )
    assert lines(registry.requests)[1:] == ["HEAD /v2/a/b/manifests/v1", "GET /v2/a/b/manifests/v1"]


def test_a_claim_that_contradicts_the_reference_is_refused(twin: Twin, serve: Serve) -> None:
    other = "sha256:" + "1" * 64
    registry = serve(routes({f"HEAD /v2/a/b/manifests/{other}": TOLD}))
    with of_type(DigestMismatchError):
        twin.open().resolve(f"{registry.host}/a/b@{other}", timeout=20).result()


def test_every_image_of_an_index_is_read_and_what_they_share_once(twin: Twin, serve: Serve) -> None:
    """One broken entry is an error at its place; attestations are no images; shared documents are asked for once."""
    manifest = json.loads(IMAGE.manifest)
    sibling = json.dumps({**manifest, "annotations": {"sibling": "yes"}}).encode()

    def entry(digest: str, architecture: str, **more: object) -> dict[str, object]:
        platform = {"os": "linux", "architecture": architecture}
        return {"mediaType": OCI_MANIFEST, "digest": digest, "size": 1, "platform": platform, **more}

    about = {"vnd.docker.reference.type": "attestation-manifest"}
    missing = "sha256:" + "2" * 64
    index = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [
                entry(digests.of(IMAGE.manifest), "arm64"),
                entry("sha256:" + "3" * 64, "amd64", annotations=about),
                entry(missing, "amd64"),
                entry(digests.of(sibling), "s390x"),
                entry(digests.of(IMAGE.manifest), "arm"),
                {**entry("sha256:" + "4" * 64, "unknown"), "platform": {"os": "unknown", "architecture": "unknown"}},
                entry("sha256:../x", "riscv64"),
                entry(digests.of(IMAGE.index), "mips"),
            ],
        }
    ).encode()
    table: dict[str, Route] = {
        "GET /v2/a/b/manifests/all": Answer(body=index, headers=[("Content-Type", OCI_INDEX)]),
        f"GET /v2/a/b/manifests/{digests.of(sibling)}": Answer(body=sibling, headers=[("Content-Type", OCI_MANIFEST)]),
    }
    registry = serve(routes(table))
    found: FetchedInstances = twin.open().fetch_instances(f"{registry.host}/a/b:all", timeout=20).result()
    assert (found.top.body, found.top.digest) == (index, digests.of(index))
    kinds = [(place, type(each)) for place, each in found.instances]
    assert kinds == [
        (0, Fetched),
        (2, NotFoundError),
        (3, Fetched),
        (4, Fetched),
        (6, ManifestError),
        (7, UnsupportedManifestError),
    ]
    first, second = found.instances[0][1], found.instances[2][1]
    assert isinstance(first, Fetched)
    assert isinstance(second, Fetched)
    assert (first.digest, first.instance_digest) == (digests.of(index), digests.of(IMAGE.manifest))
    assert (second.instance_manifest, second.config) == (sibling, IMAGE.config)
    assert lines(registry.requests) == [
        "GET /v2/",
        "GET /v2/a/b/manifests/all",
        f"GET {IMAGE.instance_path}",
        f"GET {IMAGE.config_path}",
        f"GET /v2/a/b/manifests/{missing}",
        f"GET /v2/a/b/manifests/{digests.of(sibling)}",
        f"GET /v2/a/b/manifests/{digests.of(IMAGE.index)}",
    ]


def test_a_page_of_tags_is_one_request_and_tells_the_next(twin: Twin, serve: Serve) -> None:
    def pages(request: Request) -> Answer:
        last = request.query.get("last", [""])[0]
        at = int(last or 0)
        link = [("Link", f'<http://elsewhere.invalid{TAGS}?n=2&last={at + 2}>; rel="next"')] if at < 4 else []
        return Answer(headers=link, body=json.dumps({"name": "a/b", "tags": [f"v{at}", f"v{at + 1}"]}).encode())

    registry = serve(Routes({"GET /v2/": Answer(), f"GET {TAGS}": pages}))
    session = twin.open()
    page = session.tags(f"{registry.host}/a/b", timeout=20).result()
    tags = [*page.tags]
    while page.next_page:
        page = session.tags(page.repository, page=page.next_page, timeout=20).result()
        tags += page.tags
    assert tags == [f"v{number}" for number in range(6)]
    assert lines(registry.requests) == [
        "GET /v2/",
        f"GET {TAGS}?n=1000",
        f"GET {TAGS}?n=2&last=2",
        f"GET {TAGS}?n=2&last=4",
    ]


@pytest.mark.parametrize(
    ("link", "next_page"),
    [
        ("</v2/a/b/tags/list?last=x>; rel=next", "/v2/a/b/tags/list?last=x"),
        ("/v2/a/b/tags/list?last=x", "/v2/a/b/tags/list?last=x"),
        ("<https://h/v2/a/b/tags/list?next_page=gAAA%3D&n=50>", "/v2/a/b/tags/list?next_page=gAAA%3D&n=50"),
        ("</v2/a/b/tags/list>", "/v2/a/b/tags/list"),
    ],
)
def test_links_as_registries_write_them(twin: Twin, serve: Serve, link: str, next_page: str) -> None:
    registry = serve(Routes({"/v2/": Answer(), TAGS: Answer(headers=[("Link", link)], body=b'{"tags":[]}')}))
    assert twin.open().tags(f"{registry.host}/a/b", timeout=20).result().next_page == next_page


@pytest.mark.parametrize(
    "link",
    [
        "<.evil.invalid/v2/>",
        "<tags/list?last=x>",
        "<?last=x>",
        "<0/x>",
        "<@evil.invalid/>",
        "</%zz>",
        "<:>",
        "<" + "/x" * 5000,
    ],
)
def test_a_link_that_is_no_path_is_refused(twin: Twin, serve: Serve, link: str) -> None:
    registry = serve(Routes({"/v2/": Answer(), TAGS: Answer(headers=[("Link", link)], body=b'{"tags":["a"]}')}))
    with pytest.raises(RegistryError, match="Link to the next page"):
        twin.open().tags(f"{registry.host}/a/b", timeout=20).result()
    assert len(registry.requests) == 2


@pytest.mark.parametrize(
    ("body", "tags"),
    [
        (b'{"tags": null}', ()),
        (b"null", ()),
        (b'{"Tags": ["a"], "name": 5}', ("a",)),
        (b'{"tags": [null, "", "a"]} trailing', ("a",)),
        (b'{"tags": ["sha256:' + b"a" * 64 + b'", "latest"]}', ("latest",)),
    ],
)
def test_lists_that_containers_image_reads(twin: Twin, serve: Serve, body: bytes, tags: tuple[str, ...]) -> None:
    registry = serve(Routes({"/v2/": Answer(), TAGS: Answer(body=body)}))
    assert twin.open().tags(f"{registry.host}/a/b", timeout=20).result().tags == tags


@pytest.mark.parametrize("body", [b"[]", b'{"tags": "a"}', b'{"tags": [1]}', b'{"tags": ["a b"]}', b'{"tags": {}}'])
def test_lists_that_it_refuses(twin: Twin, serve: Serve, body: bytes) -> None:
    registry = serve(Routes({"/v2/": Answer(), TAGS: Answer(body=body)}))
    with of_type(RegistryError):
        twin.open().tags(f"{registry.host}/a/b", timeout=20).result()


@pytest.mark.parametrize("value", [b'"a"', b"1", b"[]"])
def test_a_page_has_so_many_values_at_most(
    twin: Twin, serve: Serve, value: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small values take up to a hundred times their bytes: 32 MiB of digits took two gigabytes."""
    monkeypatch.setattr(tag_list, "PAGE_VALUES", 10)
    registry = serve(Routes({"/v2/": Answer(), TAGS: Answer(body=b'{"tags":[' + value + (b"," + value) * 11 + b"]}")}))
    with of_type(TooLargeError):
        twin.open().tags(f"{registry.host}/a/b", timeout=20).result()


def test_what_is_listed_beside_tags_is_not_kept(twin: Twin, serve: Serve) -> None:
    """Google's registries list every manifest there, and all on one page."""
    manifests = {f"sha256:{number:064x}": {"tag": ["v1"], "imageSizeBytes": "1"} for number in range(60_000)}
    body = json.dumps({"child": [], "manifest": manifests, "name": "a/b", "tags": ["v1", "v2"]}).encode()
    registry = serve(Routes({"/v2/": Answer(), TAGS: Answer(body=body)}))
    assert twin.open().tags(f"{registry.host}/a/b", timeout=20).result().tags == ("v1", "v2")


def test_tags_are_asked_of_the_registry_itself_and_of_no_mirror(twin: Twin, serve: Serve, tmp_path: Path) -> None:
    own = serve(Routes({"/v2/": Answer(), TAGS: Answer(body=b'{"tags": ["own"]}')}))
    mirror = serve(Routes({"/v2/": Answer(), TAGS: Answer(body=b'{"tags": ["mirror"]}')}))
    conf = tmp_path / "mirrored.conf"
    conf.write_text(f'[[registry]]\nlocation = "{own.host}"\n[[registry.mirror]]\nlocation = "{mirror.host}"\n')
    session = twin.open(registries_conf=str(conf))
    assert session.tags(f"{own.host}/a/b", timeout=20).result().tags == ("own",)
    assert not mirror.requests
