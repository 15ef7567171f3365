"""What refers to an image is found wherever registries keep it, by manifests alone, and a list is whole or an error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pycoco.backends.python.registry import referrers_api
from pycoco.configuration.settings import Settings
from pycoco.documents import referrers as documents
from pycoco.documents.referrers import Referrer
from pycoco.errors import (
    AmbiguousManifestError,
    InvalidReferenceError,
    NotFoundError,
    RegistryError,
    TooLargeError,
    UnauthorizedError,
    UnavailableError,
)
from pycoco.layout.local import LocalImages
from tests.support.media_types import OCI_INDEX, OCI_MANIFEST
from tests.support.referrers_registry import ReferrersRegistry
from tests.support.registry import Registry
from tests.support.scripted_registry import Answer, Request, Route, Routes
from tests.support.signing.signed_content import (
    ATTESTATION_TYPE,
    SBOM_TYPE,
    SIGNATURE_TYPE,
    SignedContent,
    artifact,
    encoded,
    sha256,
)
from tests.unit.python.scripted_image import Serve, Twin

PROGRAMS = ("referrers_registry",)
CONTENT = SignedContent()
INDEX = sha256(CONTENT.index)
API = f"/v2/a/b/referrers/{INDEX}"
TAG = INDEX.replace(":", "-")


@pytest.fixture(scope="module")
def with_api() -> Iterator[ReferrersRegistry]:
    with ReferrersRegistry() as registry:
        CONTENT.push(registry.host, "a/b", referrers_tag=False)
        yield registry


@pytest.fixture(scope="module")
def without_api() -> Iterator[Registry]:
    """Distribution 3.1.2 answers 404 to the API: clients keep an index under a tag there."""
    with Registry() as registry:
        CONTENT.push(registry.host, "a/b", referrers_tag=True)
        yield registry


def summary(found: tuple[Referrer, ...]) -> set[tuple[str, str, tuple[str, ...]]]:
    return {(each.digest, each.artifact_type, each.found) for each in found}


def expected(found: str) -> set[tuple[str, str, tuple[str, ...]]]:
    return {
        (sha256(CONTENT.sbom), SBOM_TYPE, (found,)),
        (sha256(CONTENT.signature), SIGNATURE_TYPE, (found,)),
        (sha256(CONTENT.attestation), "", ("index",)),
        (sha256(CONTENT.cosign), SIGNATURE_TYPE, ("cosign-tag",)),
    }


def test_a_registry_with_the_referrers_api(twin: Twin, with_api: ReferrersRegistry) -> None:
    found = twin.open().referrers(f"{with_api.host}/a/b:v1", timeout=20).result()
    assert summary(found) == expected("referrers-api")
    attestation = next(each for each in found if each.found == ("index",))
    assert attestation.subject == sha256(CONTENT.image)
    assert {each.subject for each in found} == {INDEX, sha256(CONTENT.image)}
    assert not [line for line in with_api.requests if "/blobs/sha256" in line]


def test_a_registry_without_it_has_an_index_under_a_tag(twin: Twin, without_api: Registry) -> None:
    session = twin.open()
    without_api.clear_requests()
    found = session.referrers(f"{without_api.host}/a/b:v1", timeout=20).result()
    assert summary(found) == expected("referrers-tag")
    sbom = next(each for each in found if each.artifact_type == SBOM_TYPE)
    assert dict(sbom.annotations) == {"made": "by hand"}
    assert sbom.to_dict()["tag"] == TAG
    asked = [(request.path, request.status) for request in without_api.requests]
    assert sorted(asked) == sorted(
        [
            ("/v2/", 200),
            ("/v2/a/b/manifests/v1", 200),
            (API, 404),
            (f"/v2/a/b/manifests/{TAG}", 200),
            (f"/v2/a/b/manifests/{TAG}.sig", 200),
            (f"/v2/a/b/manifests/{TAG}.att", 404),
            (f"/v2/a/b/manifests/{TAG}.sbom", 404),
        ]
    )


@pytest.mark.parametrize("api", [True, False])
def test_only_those_of_a_type(twin: Twin, with_api: ReferrersRegistry, without_api: Registry, api: bool) -> None:
    host = with_api.host if api else without_api.host
    session = twin.open()
    found = session.referrers(f"{host}/a/b@{INDEX}", artifact_type=SBOM_TYPE, timeout=20).result()
    assert [each.digest for each in found] == [sha256(CONTENT.sbom)]
    both = session.referrers(f"{host}/a/b@{INDEX}", artifact_type=SIGNATURE_TYPE, timeout=20).result()
    assert {each.digest for each in both} == {sha256(CONTENT.signature), sha256(CONTENT.cosign)}


def test_an_image_that_nothing_refers_to(twin: Twin, with_api: ReferrersRegistry, without_api: Registry) -> None:
    for host in (with_api.host, without_api.host):
        assert twin.open().referrers(f"{host}/a/b@{sha256(CONTENT.image)}", timeout=20).result() == ()


def descriptor(body: bytes, kind: str = SBOM_TYPE, **more: Any) -> dict[str, Any]:
    return {"mediaType": OCI_MANIFEST, "digest": sha256(body), "size": len(body), "artifactType": kind, **more}


def index_of(*entries: dict[str, Any]) -> bytes:
    return encoded({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(entries)})


def answer(body: bytes, media_type: str = OCI_INDEX, **headers: str) -> Answer:
    return Answer(headers=[("Content-Type", media_type), *headers.items()], body=body)


def table(**routes: Route) -> dict[str, Route]:
    return {"/v2/": Answer(), "/v2/a/b/manifests/v1": answer(CONTENT.index), **routes}


def found_at(
    twin: Twin, serve: Serve, routes: dict[str, Route], artifact_type: str | None = None
) -> tuple[Referrer, ...]:
    registry = serve(Routes({**table(), **routes}))
    return twin.open().referrers(f"{registry.host}/a/b:v1", artifact_type=artifact_type, timeout=20).result()


def test_pages_are_followed(twin: Twin, serve: Serve) -> None:
    def pages(request: Request) -> Answer:
        if "page" in request.query:
            return answer(index_of(descriptor(CONTENT.signature, SIGNATURE_TYPE)))
        return answer(index_of(descriptor(CONTENT.sbom)), Link=f'<{API}?page=2>; rel="next"')

    found = found_at(twin, serve, {API: pages})
    assert [each.digest for each in found] == [
        sha256(CONTENT.sbom),
        sha256(CONTENT.signature),
        sha256(CONTENT.attestation),
    ]


def test_what_is_found_twice_is_told_once(twin: Twin, serve: Serve) -> None:
    found = found_at(
        twin,
        serve,
        {
            API: answer(index_of(descriptor(CONTENT.cosign, SIGNATURE_TYPE), descriptor(CONTENT.attestation, ""))),
            f"/v2/a/b/manifests/{TAG}.sig": answer(CONTENT.cosign, OCI_MANIFEST),
        },
    )
    assert {each.digest: each.found for each in found} == {
        sha256(CONTENT.cosign): ("referrers-api", "cosign-tag"),
        sha256(CONTENT.attestation): ("referrers-api", "index"),
    }


@pytest.mark.parametrize("artifact_type", [None, SIGNATURE_TYPE])
def test_what_one_place_leaves_open_another_tells(twin: Twin, serve: Serve, artifact_type: str | None) -> None:
    """A list may lack the type, which stands in the manifest that cosign's tag has."""
    routes: dict[str, Route] = {
        API: answer(index_of(descriptor(CONTENT.cosign, ""))),
        f"/v2/a/b/manifests/{TAG}.sig": answer(CONTENT.cosign, OCI_MANIFEST),
    }
    found = next(each for each in found_at(twin, serve, routes, artifact_type) if each.digest == sha256(CONTENT.cosign))
    assert (found.artifact_type, dict(found.annotations)) == (SIGNATURE_TYPE, {"old": "tag"})
    assert (found.found, found.tag) == (("referrers-api", "cosign-tag"), f"{TAG}.sig")


@pytest.mark.parametrize("applied", [{}, {"OCI-Filters-Applied": "artifactType"}])
def test_a_type_is_asked_for_whether_or_not_the_registry_filters(
    twin: Twin, serve: Serve, applied: dict[str, str]
) -> None:
    listed = [descriptor(CONTENT.sbom), *([] if applied else [descriptor(CONTENT.signature, SIGNATURE_TYPE)])]
    registry = serve(Routes(table(**{API: answer(index_of(*listed), **applied)})))
    found = twin.open().referrers(f"{registry.host}/a/b:v1", artifact_type=SBOM_TYPE, timeout=20).result()
    assert [each.digest for each in found] == [sha256(CONTENT.sbom)]
    assert f"GET {API}?artifactType=application%2Fspdx%2Bjson" in registry.lines


def test_a_namespace_proxy_is_told_beside_a_type_and_a_page(twin: Twin, serve: Serve) -> None:
    def pages(request: Request) -> Answer:
        more = {} if "page" in request.query else {"Link": f"<{API}?page=2>"}
        return answer(index_of(descriptor(CONTENT.sbom)), **more)

    registry = serve(Routes(table(**{API: pages})))
    conf = twin.home / "proxied.conf"
    conf.write_text(f'[[registry]]\nlocation = "{registry.host}"\nnamespace-proxy = "q.invalid"\n')
    session = twin.open(registries_conf=str(conf))
    session.referrers(f"{registry.host}/a/b:v1", artifact_type=SBOM_TYPE, timeout=20).result()
    asked = [line.partition("?")[2] for line in registry.lines if line.startswith(f"GET {API}")]
    assert asked == ["artifactType=application%2Fspdx%2Bjson&ns=q.invalid", "page=2&ns=q.invalid"]


def test_a_descriptor_without_a_digest_is_left_out(twin: Twin, serve: Serve) -> None:
    harmful = {**descriptor(CONTENT.sbom), "digest": "sha256:../../x"}
    found = found_at(twin, serve, {API: answer(index_of(harmful, descriptor(CONTENT.signature)))})
    assert sha256(CONTENT.signature) in {each.digest for each in found}
    assert not [each for each in found if "/" in each.digest]


@pytest.mark.parametrize("status", [400, 404, 406])
def test_registries_say_in_three_ways_that_they_have_no_api(twin: Twin, serve: Serve, status: int) -> None:
    routes: dict[str, Route] = {API: Answer(status), f"/v2/a/b/manifests/{TAG}": answer(CONTENT.referrers_index())}
    assert len(found_at(twin, serve, routes)) == 3


def test_a_page_of_html_is_no_list(twin: Twin, serve: Serve) -> None:
    routes: dict[str, Route] = {
        API: answer(b"<html>", "text/html"),
        f"/v2/a/b/manifests/{TAG}": answer(CONTENT.referrers_index()),
    }
    assert len(found_at(twin, serve, routes)) == 3


def test_a_tag_that_holds_something_else_is_passed_over(twin: Twin, serve: Serve) -> None:
    routes: dict[str, Route] = {
        f"/v2/a/b/manifests/{TAG}": answer(CONTENT.sbom, OCI_MANIFEST),
        f"/v2/a/b/manifests/{TAG}.att": answer(b"{}", "text/plain"),
    }
    assert [each.found for each in found_at(twin, serve, routes)] == [("index",)]


def test_a_list_that_is_not_whole_is_an_error(twin: Twin, serve: Serve) -> None:
    with pytest.raises(UnavailableError):
        found_at(twin, serve, {API: answer(index_of()), f"/v2/a/b/manifests/{TAG}.att": Answer(503)})


def test_a_later_page_that_is_not_there_is_an_error(twin: Twin, serve: Serve) -> None:
    """The registry has the API, or it would not have given the first page."""

    def pages(request: Request) -> Answer:
        return Answer(404) if "page" in request.query else answer(index_of(), Link=f"<{API}?page=2>")

    with pytest.raises(NotFoundError):
        found_at(twin, serve, {API: pages, f"/v2/a/b/manifests/{TAG}": answer(CONTENT.referrers_index())})


def test_a_list_may_not_be_of_any_size(twin: Twin, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    def pages(request: Request) -> Answer:
        page = int(request.query.get("page", ["0"])[0])
        return answer(index_of(descriptor(b"%d" % page)), Link=f"<{API}?page={page + 1}>")

    monkeypatch.setattr(referrers_api, "SIZE_LIMIT", 10_000)
    with pytest.raises(TooLargeError, match="larger than 10000 bytes together"):
        found_at(twin, serve, {API: pages})


@pytest.mark.parametrize("path", [API, f"/v2/a/b/manifests/{TAG}.att"])
def test_a_refusal_says_what_was_sent(twin: Twin, serve: Serve, path: str) -> None:
    with pytest.raises(UnauthorizedError, match="status 401; asked without credentials"):
        found_at(twin, serve, {API: answer(index_of()), path: Answer(401)})


@pytest.mark.parametrize("path", [API, f"{API}?page=2"])
def test_links_in_a_circle_are_refused(twin: Twin, serve: Serve, path: str) -> None:
    with pytest.raises(RegistryError, match="circle"):
        found_at(twin, serve, {API: answer(index_of(descriptor(CONTENT.sbom)), Link=f"<{path}>")})


def test_a_list_with_two_meanings_is_refused(twin: Twin, serve: Serve) -> None:
    double = json.dumps({"schemaVersion": 2, "manifests": [], "layers": []}).encode()
    with pytest.raises(AmbiguousManifestError):
        found_at(twin, serve, {API: answer(double)})


@pytest.mark.parametrize("reference", ["v1", "pinned"])
def test_the_pull_source_that_has_the_image_is_asked_even_if_the_store_has_it_too(
    twin: Twin, serve: Serve, reference: str
) -> None:
    mirror = serve(Routes({"/v2/": Answer()}))
    routes = table(
        **{API: answer(index_of(descriptor(CONTENT.sbom))), f"/v2/a/b/manifests/{INDEX}": answer(CONTENT.index)}
    )
    registry = serve(Routes(routes))
    conf = twin.home / "mirrored.conf"
    conf.write_text(f'[[registry]]\nlocation = "{registry.host}"\n[[registry.mirror]]\nlocation = "{mirror.host}"\n')
    blobs = twin.home / "store" / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    (blobs / INDEX.removeprefix("sha256:")).write_bytes(CONTENT.index)
    session = twin.open(registries_conf=str(conf), store=str(twin.home / "store"))
    name = f"{registry.host}/a/b" + (":v1" if reference == "v1" else f"@{INDEX}")
    found = session.referrers(name, timeout=20).result()
    assert sha256(CONTENT.sbom) in {each.digest for each in found}
    assert [request.path for request in mirror.requests if "/referrers/" in request.path] == []


def test_a_local_layout_has_none() -> None:
    with pytest.raises(InvalidReferenceError, match="in no registry"):
        LocalImages(Settings(), None).referrers("oci:nowhere")


def test_the_tag_is_the_specification_s() -> None:
    assert documents.tag_of("sha256:" + "a" * 64) == "sha256-" + "a" * 64
    assert documents.tag_of("sha512:" + "b" * 128) == "sha512-" + "b" * 64
    assert documents.tag_of("sha256:" + "a" * 64, ".sig") == "sha256-" + "a" * 64 + ".sig"


def test_a_type_is_the_config_s_where_the_manifest_has_none() -> None:
    manifest = json.loads(artifact(None, "", ATTESTATION_TYPE))
    del manifest["artifactType"]
    found = documents.of_manifest(encoded(manifest), OCI_MANIFEST, sha256(b""), INDEX, "tag")
    assert found.artifact_type == ATTESTATION_TYPE
