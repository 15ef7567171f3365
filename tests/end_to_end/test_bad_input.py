"""What goes wrong, one row each: the same class of error from both backends, in one line that gives no secret away."""

from __future__ import annotations

import hashlib
import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import pycoco
from pycoco import BackendName, errors
from tests.conftest import REPOSITORY
from tests.support.images import PLATFORMS, BuiltImages
from tests.support.registry import Registry
from tests.support.scripted_registry import Answer, ScriptedRegistry
from tests.support.scripted_registry import Request as ScriptedRequest
from tests.support.token_server import TokenServer

TIMEOUT = 30
PASSWORD = "correct-horse"
WRONG = "wrong-battery"


def failure(reference: str, backend: BackendName, **options: Any) -> pycoco.PycocoError:
    """The error that inspecting raises, checked for what holds of every error."""
    options = {"platform": PLATFORMS[0], "tls_verify": False, "timeout": TIMEOUT, **options}
    with pytest.raises(pycoco.PycocoError) as caught:
        pycoco.inspect(reference, backend=backend, **options)
    message = str(caught.value)
    assert message
    assert "\n" not in message
    assert WRONG not in message
    assert PASSWORD not in message
    return caught.value


@pytest.mark.parametrize(
    ("repository", "tag", "expected"),
    [
        (REPOSITORY, "no-such-tag", errors.NotFoundError),
        ("demo/no-such-repository", "1", errors.NotFoundError),
        (REPOSITORY, "artifact", errors.NotAnImageError),
        (REPOSITORY, "windows", errors.NoMatchingPlatformError),
        (REPOSITORY, "nested", errors.UnsupportedManifestError),
        # containers/image manifest/docker_schema2.go: schema 2 knows no encrypted layer; OCI's manifests do.
        (REPOSITORY, "docker-encrypted", errors.ManifestError),
    ],
)
def test_what_the_registry_has_or_has_not(
    registry: Registry, backend: BackendName, repository: str, tag: str, expected: type[errors.PycocoError]
) -> None:
    assert type(failure(registry.reference(repository, tag), backend)) is expected


def test_an_unknown_tag_has_the_registrys_own_answer(registry: Registry, backend: BackendName) -> None:
    error = failure(registry.reference(REPOSITORY, "no-such-tag"), backend)
    assert isinstance(error, errors.NotFoundError)
    assert (error.status, error.spec_code, error.retryable) == (404, "MANIFEST_UNKNOWN", False)


def test_an_unknown_digest(registry: Registry, backend: BackendName) -> None:
    reference = registry.reference(REPOSITORY, digest="sha256:" + "0" * 64)
    assert type(failure(reference, backend)) is errors.NotFoundError


@pytest.mark.parametrize("platform", ["linux/s390x", "linux/amd64/v3", "freebsd/amd64"])
def test_no_such_platform(registry: Registry, backend: BackendName, platform: str) -> None:
    # amd64/v3 falls back to the entry without variant (containers/image platform_matcher.go), so it is found.
    reference = registry.reference(REPOSITORY, "plain")
    if platform == "linux/amd64/v3":
        image = pycoco.inspect(reference, backend=backend, platform=platform, tls_verify=False, timeout=TIMEOUT)
        assert image.raw_index is not None
    else:
        error = failure(reference, backend, platform=platform)
        assert type(error) is errors.NoMatchingPlatformError
        assert platform.rpartition("/")[2] in str(error)


@pytest.mark.parametrize(
    "reference",
    ["127.0.0.1:1/UPPER:tag", "127.0.0.1:1/a:", "127.0.0.1:1/a@sha256:123", "", " ", "a b", "docker://", "a:b:c"],
)
def test_a_malformed_reference(backend: BackendName, reference: str) -> None:
    assert type(failure(reference, backend)) is errors.InvalidReferenceError


def test_an_unknown_host(backend: BackendName) -> None:
    error = failure("registry.pycoco.invalid/demo/image:1", backend)
    assert type(error) is errors.UnavailableError
    assert "registry.pycoco.invalid" in str(error)


def test_a_refused_connection(backend: BackendName, closed_port: int) -> None:
    error = failure(f"127.0.0.1:{closed_port}/demo/image:1", backend)
    assert type(error) is errors.UnavailableError
    assert isinstance(error, ConnectionError)
    assert error.retryable


@pytest.fixture
def basic_registry(seeded_registry: Registry) -> Iterator[Registry]:
    with Registry(storage=seeded_registry.storage, users={"anna": PASSWORD}) as registry:
        yield registry


@pytest.fixture
def token_registry(seeded_registry: Registry, tmp_path: Path) -> Iterator[Registry]:
    with (
        TokenServer(tmp_path, users={"anna": PASSWORD}) as server,
        Registry(storage=seeded_registry.storage, token_server=server) as registry,
    ):
        yield registry


@pytest.mark.parametrize("kind", ["basic_registry", "token_registry"])
def test_a_wrong_password(request: pytest.FixtureRequest, backend: BackendName, kind: str) -> None:
    reference = request.getfixturevalue(kind).reference(REPOSITORY, "plain")
    error = failure(reference, backend, creds=("anna", WRONG))
    assert type(error) is errors.UnauthorizedError
    assert isinstance(error, PermissionError)


def test_no_password(basic_registry: Registry, backend: BackendName) -> None:
    error = failure(basic_registry.reference(REPOSITORY, "plain"), backend)
    assert type(error) is errors.UnauthorizedError


def test_an_anonymous_token_that_is_not_enough(token_registry: Registry, backend: BackendName) -> None:
    # The token server gives anybody a token; the registry then answers 401 with the code DENIED.
    error = failure(token_registry.reference(REPOSITORY, "plain"), backend)
    assert type(error) is errors.DeniedError
    assert error.spec_code == "DENIED"


@pytest.mark.parametrize("kind", ["basic_registry", "token_registry"])
def test_the_right_password(
    request: pytest.FixtureRequest, built_images: BuiltImages, backend: BackendName, kind: str
) -> None:
    registry = request.getfixturevalue(kind)
    options: dict[str, Any] = {"platform": PLATFORMS[0], "tls_verify": False, "timeout": TIMEOUT}
    reference = registry.reference(REPOSITORY, "plain")
    image = pycoco.inspect(reference, backend=backend, creds=("anna", PASSWORD), **options)
    assert image.digest == built_images.images["plain"]["digest"]


Change = Callable[[str, bytes], bytes]


@pytest.fixture
def serve(built_images: BuiltImages, server_tls: ssl.SSLContext) -> Iterator[Callable[[Change], ScriptedRegistry]]:
    """Serve the image "single-oci" as NAME:tag, each body changed by a function of its path and its bytes."""
    image = built_images.images["single-oci"]
    bodies = {
        "/v2/demo/manifests/tag": (image["mediaType"], built_images.blob(image["digest"])),
        f"/v2/demo/manifests/{image['digest']}": (image["mediaType"], built_images.blob(image["digest"])),
        f"/v2/demo/blobs/{image['config']['digest']}": (
            "application/octet-stream",
            built_images.blob(image["config"]["digest"]),
        ),
    }
    started: list[ScriptedRegistry] = []

    def start(change: Change) -> ScriptedRegistry:
        def script(request: ScriptedRequest) -> Answer:
            if request.path == "/v2/":
                return Answer(body=b"{}")
            if request.path not in bodies:
                return Answer(404)
            content_type, body = bodies[request.path]
            return Answer(headers=[("Content-Type", content_type)], body=change(request.path, body))

        registry = ScriptedRegistry(script, tls=server_tls)
        started.append(registry)
        return registry.__enter__()

    yield start
    for registry in started:
        registry.__exit__(None, None, None)


def test_the_scripted_registry_serves_a_good_image(
    serve: Callable[[Change], ScriptedRegistry], built_images: BuiltImages, backend: BackendName
) -> None:
    host = serve(lambda path, body: body).host
    image = pycoco.inspect(
        f"{host}/demo:tag", backend=backend, platform=PLATFORMS[0], tls_verify=False, timeout=TIMEOUT
    )
    assert image.digest == built_images.images["single-oci"]["digest"]


def test_a_manifest_of_5_mib(serve: Callable[[Change], ScriptedRegistry], backend: BackendName) -> None:
    def pad(path: str, body: bytes) -> bytes:
        return body + b" " * (5 * 1024 * 1024) if "/manifests/" in path else body

    assert type(failure(f"{serve(pad).host}/demo:tag", backend)) is errors.TooLargeError


def test_a_config_of_5_mib(built_images: BuiltImages, server_tls: ssl.SSLContext, backend: BackendName) -> None:
    image = built_images.images["single-oci"]
    config = built_images.blob(image["config"]["digest"]) + b" " * (5 * 1024 * 1024)
    manifest = json.loads(built_images.blob(image["digest"]))
    manifest["config"] |= {"size": len(config), "digest": "sha256:" + hashlib.sha256(config).hexdigest()}

    def script(request: ScriptedRequest) -> Answer:
        if "/manifests/" in request.path:
            return Answer(headers=[("Content-Type", image["mediaType"])], body=json.dumps(manifest).encode())
        return Answer(body=config if "/blobs/" in request.path else b"{}")

    with ScriptedRegistry(script, tls=server_tls) as registry:
        assert type(failure(f"{registry.host}/demo:tag", backend)) is errors.TooLargeError


def test_a_manifest_that_is_not_what_was_pinned(
    serve: Callable[[Change], ScriptedRegistry], built_images: BuiltImages, backend: BackendName
) -> None:
    host = serve(lambda path, body: body + b"\n" if "/manifests/" in path else body).host
    digest = built_images.images["single-oci"]["digest"]
    assert type(failure(f"{host}/demo@{digest}", backend)) is errors.DigestMismatchError


def test_a_config_that_is_not_what_the_manifest_promises(
    serve: Callable[[Change], ScriptedRegistry], backend: BackendName
) -> None:
    host = serve(lambda path, body: body.replace(b"1000:1000", b"0:0000000") if "/blobs/" in path else body).host
    assert type(failure(f"{host}/demo:tag", backend)) is errors.DigestMismatchError


def test_a_manifest_that_is_no_json(serve: Callable[[Change], ScriptedRegistry], backend: BackendName) -> None:
    host = serve(lambda path, body: body[:-1] if "/manifests/" in path else body).host
    assert isinstance(failure(f"{host}/demo:tag", backend), errors.ManifestError)
