"""FakeRegistry: what is put in comes out of both backends, and of skopeo; failures and limits happen when asked for."""

from __future__ import annotations

import json
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import pycoco
from pycoco.testing.images import INDEX, KEY_ID, MANIFEST
from pycoco.testing.registry import FakeRegistry
from tests.support.certificates import CertificateAuthority
from tests.support.tools import require_tool


@pytest.fixture(params=["go", "python"])
def client(request: pytest.FixtureRequest) -> Iterator[pycoco.Client]:
    with pycoco.Client(backend=request.param, tls_verify=False, timeout=20) as made:
        yield made


def test_an_image_of_a_few_arguments(client: pycoco.Client, pycoco_registry: FakeRegistry) -> None:
    reference = pycoco_registry.image(
        "team/app:v1",
        labels={"team": "blue"},
        env=["A=1"],
        entrypoint=["/app"],
        cmd=["serve"],
        user="1000",
        working_dir="/srv",
        annotations={"note": "x"},
        layers=2,
        config={"config": {"StopSignal": "SIGINT"}},
    )
    image = client.inspect(reference)
    config = image.config
    assert (config.labels, config.env, config.command) == ({"team": "blue"}, ("A=1",), ("/app", "serve"))
    assert (config.user, config.working_dir, config.stop_signal) == ("1000", "/srv", "SIGINT")
    assert image.manifest.annotations == {"note": "x"}
    assert (len(image.layers), image.encrypted, image.index) == (2, False, None)
    assert image.digest == pycoco_registry.digest(reference)


def test_an_index(client: pycoco.Client, pycoco_registry: FakeRegistry) -> None:
    platforms = ["linux/amd64", "linux/arm64/v8"]
    for docker in (False, True):
        reference = pycoco_registry.image("team/app:v1", platforms=platforms, docker=docker)
        image = client.inspect(reference, platform="linux/arm64")
        assert str(image.platform) == "linux/arm64/v8"
        assert image.index is not None
        assert [str(each) for each in image.index.platforms] == platforms


def test_encrypted_layers(client: pycoco.Client, pycoco_registry: FakeRegistry) -> None:
    for encrypted, key_id in ((True, KEY_ID), ("kbs:///team/key/2", "kbs:///team/key/2")):
        image = client.inspect(pycoco_registry.image("team/secret:v1", encrypted=encrypted, layers=2))
        assert image.encrypted
        assert [layer.encryption.key_ids for layer in image.layers if layer.encryption] == [(key_id,)] * 2
        assert all(layer.encryption and layer.encryption.guest_can_decrypt for layer in image.layers)


def test_what_is_not_there(client: pycoco.Client, pycoco_registry: FakeRegistry) -> None:
    with pytest.raises(pycoco.NotFoundError):
        client.inspect(f"{pycoco_registry.host}/team/app:v1")
    reference = pycoco_registry.image("team/app:v1")
    pycoco_registry.remove(reference)
    with pytest.raises(pycoco.NotFoundError):
        client.inspect(reference)


@pytest.mark.parametrize("tokens", [False, True])
def test_users(tokens: bool) -> None:
    with FakeRegistry(users={"user": "pass"}, tokens=tokens) as registry:
        reference = registry.image("team/app:v1")
        for backend in ("go", "python"):
            image = pycoco.inspect(reference, creds=("user", "pass"), backend=backend, tls_verify=False)
            assert image.digest == registry.digest(reference)
            with pytest.raises(pycoco.UnauthorizedError):
                pycoco.inspect(reference, creds=("user", "wrong"), backend=backend, tls_verify=False)


def test_a_failure_happens_as_often_as_asked_for(client: pycoco.Client, pycoco_registry: FakeRegistry) -> None:
    reference = pycoco_registry.image("team/app:v1")
    pycoco_registry.fail("/manifests/", status=503, times=1)
    with pytest.raises(pycoco.UnavailableError):
        client.inspect(reference)
    client.inspect(reference)
    pycoco_registry.fail("/team/app/", status=403, code="DENIED")
    with pytest.raises(pycoco.DeniedError):
        client.inspect(reference)
    pycoco_registry.recover()
    client.inspect(reference)


def test_a_limit_counts_reads_of_manifests(pycoco_registry: FakeRegistry) -> None:
    reference = pycoco_registry.image("team/app:v1")
    pycoco_registry.limit(1, retry_after=7)
    url = f"http://{pycoco_registry.host}/v2/team/app/manifests/v1"
    with urllib.request.urlopen(urllib.request.Request(url, method="HEAD")) as answer:
        assert answer.headers["RateLimit-Remaining"] == "1;w=21600"
    with urllib.request.urlopen(url) as answer:
        assert answer.headers["RateLimit-Remaining"] == "0;w=21600"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url)
    refused.value.close()
    assert (refused.value.code, refused.value.headers["Retry-After"]) == (429, "7")
    assert pycoco_registry.digest(reference)


def test_tags_come_page_by_page(pycoco_registry: FakeRegistry) -> None:
    for number in range(5):
        pycoco_registry.image(f"team/app:v{number}")
    found: list[str] = []
    path = "/v2/team/app/tags/list?n=2"
    while path:
        with urllib.request.urlopen(f"http://{pycoco_registry.host}{path}") as answer:
            found += json.load(answer)["tags"]
            path = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert found == [f"v{number}" for number in range(5)]
    assert len(pycoco_registry.requests) == 3


def test_referrers(pycoco_registry: FakeRegistry) -> None:
    subject = pycoco_registry.image("team/app:v1")
    pycoco_registry.artifact("team/app:sbom", artifact_type="application/spdx+json", subject=subject)
    pycoco_registry.artifact(
        "team/app:sig", artifact_type="application/vnd.sig", subject=subject, annotations={"by": "me"}
    )
    url = f"http://{pycoco_registry.host}/v2/team/app/referrers/{pycoco_registry.digest(subject)}"
    with urllib.request.urlopen(url) as answer:
        index = json.load(answer)
    assert index["mediaType"] == INDEX
    assert {each["artifactType"] for each in index["manifests"]} == {"application/spdx+json", "application/vnd.sig"}
    with urllib.request.urlopen(f"{url}?artifactType=application/vnd.sig") as answer:
        assert answer.headers["OCI-Filters-Applied"] == "artifactType"
        (found,) = json.load(answer)["manifests"]
    assert (found["mediaType"], found["annotations"]) == (MANIFEST, {"by": "me"})


def test_skopeo_reads_it(pycoco_registry: FakeRegistry) -> None:
    skopeo = require_tool("skopeo")
    reference = pycoco_registry.image("team/app:v1", labels={"team": "blue"})
    command = [skopeo, "inspect", "--tls-verify=false", f"docker://{reference}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    found = json.loads(done.stdout)
    assert (found["Digest"], found["Labels"]) == (pycoco_registry.digest(reference), {"team": "blue"})


def test_bytes_of_any_kind(client: pycoco.Client, pycoco_registry: FakeRegistry) -> None:
    reference = pycoco_registry.manifest("team/odd:v1", b"no manifest", MANIFEST)
    with pytest.raises(pycoco.ManifestError):
        client.inspect(reference)


def test_a_client_that_takes_another_certificate_is_none_of_its_business(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is what the user's own test is about, and no traceback belongs into that one's output."""
    files = CertificateAuthority(tmp_path).issue("registry")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    with FakeRegistry(tls=context) as registry:
        reference = registry.image("app:v1")
        backends: tuple[pycoco.BackendName, ...] = ("go", "python")
        for backend in backends:
            with pytest.raises(pycoco.UnavailableError, match="authority that is not trusted"):
                pycoco.inspect(reference, backend=backend, tls_verify=True)
    assert capfd.readouterr().err == ""


def test_wrong_arguments_are_told() -> None:
    with FakeRegistry() as registry:
        with pytest.raises(ValueError, match="names no repository"):
            registry.image(":v1")
        with pytest.raises(ValueError, match="names a digest"):
            registry.image("a@sha256:" + "0" * 64)
        with pytest.raises(ValueError, match="a platform is os/architecture"):
            registry.image("a", platform="linux")
        with pytest.raises(LookupError, match="is not in this registry"):
            registry.digest("a:v2")
    with pytest.raises(RuntimeError, match="does not run"):
        _ = registry.host
