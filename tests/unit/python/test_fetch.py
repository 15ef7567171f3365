"""What the Python twin asks a registry for, and which bodies it takes."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import pytest

from pycoco.backends.contract import Fetched
from pycoco.backends.python.network.connections import CONNECTIONS_PER_HOST
from pycoco.documents import digest as digests
from pycoco.errors import (
    DigestMismatchError,
    NotFoundError,
    RegistryError,
    TooLargeError,
    UnavailableError,
)
from tests.support.scripted_registry import Answer, Request
from tests.unit.python.scripted_image import (
    ARM64,
    IMAGE,
    LIMIT,
    OCI_INDEX,
    OCI_MANIFEST,
    PATHS,
    ScriptedImage,
    Serve,
    Twin,
    as_json,
    of_type,
    routes,
    served,
)


class TestWhatIsAsked:
    def test_one_image_is_ping_index_instance_config_and_no_layer(self, twin: Twin, serve: Serve) -> None:
        registry = serve()
        fetched = twin.fetch(registry)
        assert [request.path for request in registry.requests] == PATHS
        assert registry.connections == 2  # https is tried first
        assert fetched == Fetched(
            reference=f"{registry.host}/a/b:v1",
            pull_source=f"{registry.host}/a/b:v1",
            digest=digests.of(IMAGE.index),
            media_type=OCI_INDEX,
            top_manifest=IMAGE.index,
            instance_digest=digests.of(IMAGE.manifest),
            instance_media_type=OCI_MANIFEST,
            instance_manifest=IMAGE.manifest,
            config_digest=digests.of(IMAGE.config),
            config=IMAGE.config,
        )

    def test_headers(self, twin: Twin, serve: Serve) -> None:
        registry = serve()
        twin.fetch(registry, user_agent="pycoco/1 (test)")
        ping, manifest, *_rest, config = registry.requests
        assert manifest.all("Accept") == [
            "application/vnd.oci.image.manifest.v1+json",
            "application/vnd.docker.distribution.manifest.v2+json",
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
            "application/vnd.docker.distribution.manifest.v1+json",
            "application/vnd.docker.distribution.manifest.list.v2+json",
            "application/vnd.oci.image.index.v1+json",
        ]
        for request in registry.requests:
            assert request.all("User-Agent") == ["pycoco/1 (test)"]
            assert request.all("Docker-Distribution-API-Version") == ["registry/2.0"]
            assert request.all("Accept-Encoding") == ["gzip"]
            assert request.all("Host") == [registry.host]
            assert request.header("Authorization") is None
            assert request.header("Cookie") is None
        assert ping.header("Accept") is None
        assert config.header("Accept") is None

    def test_a_session_remembers_the_ping_and_keeps_its_connection(self, twin: Twin, serve: Serve) -> None:
        registry = serve()
        session = twin.open()
        for _ in range(3):
            session.fetch(f"{registry.host}/a/b:v1", platform=ARM64).result(20)
        assert [request.path for request in registry.requests] == PATHS + PATHS[1:] * 2
        assert {request.connection for request in registry.requests} == {2}

    def test_a_closed_idle_connection_is_not_noticed(self, twin: Twin, serve: Serve) -> None:
        registry = serve()
        session = twin.open()
        for _ in range(3):
            session.fetch(f"{registry.host}/a/b:v1", platform=ARM64).result(20)
            registry.disconnect()
        assert len(registry.requests) == 10

    def test_a_kept_connection_that_dies_under_a_request(self, twin: Twin, serve: Serve) -> None:
        registry = serve(routes({IMAGE.config_path: [Answer(drop=True), Answer(body=IMAGE.config)]}))
        assert twin.fetch(registry).config == IMAGE.config

    def test_a_new_connection_that_dies_is_an_error(self, twin: Twin, serve: Serve) -> None:
        registry = serve(lambda request: Answer(drop=True))
        with of_type(UnavailableError):
            twin.fetch(registry)
        assert len(registry.requests) == 1

    def test_the_number_of_connections_is_bounded(self, twin: Twin, serve: Serve) -> None:
        registry = serve(routes({"/v2/a/b/manifests/v1": replace(served(IMAGE, "v1"), wait=0.02)}))
        session = twin.open()
        futures = [session.fetch(f"{registry.host}/a/b:v1", platform=ARM64, timeout=30) for _ in range(400)]
        assert {future.result().config for future in futures} == {IMAGE.config}
        assert registry.connections <= CONNECTIONS_PER_HOST + 1  # https was tried first
        assert registry.lines.count("GET /v2/") == 1


class TestBodies:
    @pytest.mark.parametrize("chunked", [False, True])
    def test_gzip_is_undone_and_nothing_else(self, twin: Twin, serve: Serve, chunked: bool) -> None:
        headers = [("Content-Type", OCI_INDEX), ("Content-Encoding", "gzip")]
        packed = Answer(body=gzip.compress(IMAGE.index), headers=headers, chunked=chunked)
        registry = serve(routes({"/v2/a/b/manifests/v1": packed, "GET /v2/a/b/manifests/v1": packed}))
        assert twin.fetch(registry).top_manifest == IMAGE.index

    def test_other_encodings_are_left_alone(self, twin: Twin, serve: Serve) -> None:
        answer = replace(
            served(IMAGE, "v1"), headers=[("Content-Type", OCI_INDEX), ("Content-Encoding", "deflate")], chunked=True
        )
        registry = serve(routes({"GET /v2/a/b/manifests/v1": answer}))
        assert twin.fetch(registry).top_manifest == IMAGE.index

    @pytest.mark.parametrize("packed", [False, True])
    @pytest.mark.parametrize("size", [LIMIT, LIMIT + 1])
    def test_a_config_has_at_most_four_mebibytes(self, twin: Twin, serve: Serve, size: int, packed: bool) -> None:
        start = b'{"architecture":"arm64","os":"linux","config":{},"rootfs":{"type":"layers"}'
        image = ScriptedImage(start + b" " * (size - len(start) - 1) + b"}")
        answer = Answer(body=image.config)
        if packed:
            answer = Answer(body=gzip.compress(image.config), headers=[("Content-Encoding", "gzip")])
        registry = serve(routes({f"GET {image.config_path}": answer}, image=image))
        if size == LIMIT:
            assert twin.fetch(registry).config == image.config
        else:
            with of_type(TooLargeError):
                twin.fetch(registry)

    def test_a_manifest_over_the_bound_is_not_read_to_its_end(self, twin: Twin, serve: Serve) -> None:
        endless = Answer(body=b" " * 10_000_000, chunked=True, headers=[("Content-Type", OCI_INDEX)], pace=(65536, 0.0))
        registry = serve(routes({"GET /v2/a/b/manifests/v1": endless}))
        with of_type(TooLargeError):
            twin.fetch(registry)

    @pytest.mark.parametrize("status", [201, 202, 203, 206, 300, 304])
    def test_only_200_will_do(self, twin: Twin, serve: Serve, status: int) -> None:
        registry = serve(routes({"GET /v2/a/b/manifests/v1": replace(served(IMAGE, "v1"), status=status)}))
        with of_type(RegistryError) as raised:
            twin.fetch(registry)
        assert isinstance(raised.value, RegistryError)
        assert raised.value.status == status

    def test_a_manifest_that_is_cut_short(self, twin: Twin, serve: Serve) -> None:
        registry = serve(routes({"GET /v2/a/b/manifests/v1": replace(served(IMAGE, "v1"), send=10)}))
        with of_type(UnavailableError) as raised:
            twin.fetch(registry)
        assert isinstance(raised.value, RegistryError)
        assert raised.value.retryable

    def test_bytes_that_do_not_match_the_pinned_digest(self, twin: Twin, serve: Serve) -> None:
        pinned = digests.of(IMAGE.index)
        other = Answer(body=IMAGE.index + b"\n", headers=[("Content-Type", OCI_INDEX)])
        registry = serve(routes({f"GET /v2/a/b/manifests/{pinned}": other}))
        with of_type(DigestMismatchError):
            twin.fetch(registry, f"a/b@{pinned}")

    def test_a_config_that_does_not_match_its_digest(self, twin: Twin, serve: Serve) -> None:
        registry = serve(routes({f"GET {IMAGE.config_path}": Answer(body=IMAGE.config + b"\n")}))
        with of_type(DigestMismatchError):
            twin.fetch(registry)

    @pytest.mark.parametrize("chunked", [False, True])
    def test_a_config_that_is_cut_short_is_continued(self, twin: Twin, serve: Serve, chunked: bool) -> None:
        def continued(request: Request) -> Answer:
            if request.header("Range") is None:
                return Answer(body=IMAGE.config, send=20, chunked=chunked)
            assert request.header("Range") == "bytes=20-"
            assert request.header("Accept-Encoding") is None
            last = len(IMAGE.config) - 1
            return Answer(
                206, body=IMAGE.config[20:], headers=[("Content-Range", f"bytes 20-{last}/{len(IMAGE.config)}")]
            )

        registry = serve(routes({f"GET {IMAGE.config_path}": continued}))
        assert twin.fetch(registry).config == IMAGE.config

    @pytest.mark.parametrize(
        "again",
        [
            Answer(body=IMAGE.config),
            Answer(206, body=IMAGE.config[20:]),
            Answer(206, body=IMAGE.config[20:], headers=[("Content-Range", "bytes 19-99/100")]),
            Answer(206, body=IMAGE.config[20:], headers=[("Content-Range", "bytes 20-30/100")]),
            Answer(206, body=IMAGE.config[20:], headers=[("Content-Range", "bytes 20-*/100")]),
            Answer(416),
            Answer(206, body=IMAGE.config[20:30], length=99, send=10, headers=[("Content-Range", "bytes 20-118/*")]),
        ],
    )
    def test_a_continuation_that_is_none(self, twin: Twin, serve: Serve, again: Answer) -> None:
        registry = serve(routes({f"GET {IMAGE.config_path}": [Answer(body=IMAGE.config, send=20), again]}))
        with of_type(UnavailableError):
            twin.fetch(registry)
        assert len(registry.requests) == 5

    def test_a_large_error_body_is_not_read_to_its_end(self, twin: Twin, serve: Serve) -> None:
        endless = Answer(404, body=b"x" * 10_000_000, pace=(65536, 0.001))
        registry = serve(routes({"GET /v2/a/b/manifests/v1": endless}))
        with of_type(NotFoundError):
            twin.fetch(registry)

    def test_nothing_is_asked_of_urls_in_a_descriptor(self, twin: Twin, serve: Serve) -> None:
        elsewhere = serve()
        manifest = json.loads(IMAGE.manifest)
        manifest["config"]["urls"] = [f"{elsewhere.url}/config"]
        body = as_json(manifest)
        registry = serve(
            routes({"GET /v2/a/b/manifests/v1": Answer(body=body, headers=[("Content-Type", OCI_MANIFEST)])})
        )
        assert twin.fetch(registry).config == IMAGE.config
        assert elsewhere.requests == []
