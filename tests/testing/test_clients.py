"""FakeClient and FakeAsyncClient: pycoco's own clients over answers that are there already."""

from __future__ import annotations

import asyncio
import inspect

import pytest

import pycoco
from pycoco.documents.referrers import Referrer
from pycoco.testing import FakeAsyncClient, FakeClient, FakeRegistry, make_image

APP = "quay.io/acme/app:v1"


def test_an_image_and_an_error() -> None:
    image = make_image(APP, labels={"team": "blue"})
    with FakeClient({APP: image, "quay.io/acme/secret": pycoco.DeniedError("no", status=403)}) as client:
        assert client.inspect(APP) == image
        with pytest.raises(pycoco.DeniedError):
            client.inspect("quay.io/acme/secret:latest")
        with pytest.raises(pycoco.NotFoundError, match=r"quay\.io/acme/other has no answer here"):
            client.inspect("quay.io/acme/other")
        assert client.asked[0] == ("inspect", APP)


def test_a_batch_is_the_real_one() -> None:
    references = [APP, "quay.io/acme/none", "UPPER"]
    with FakeClient({APP: make_image(APP)}) as client:
        found = dict(client.inspect_many(references))
    assert isinstance(found[APP], pycoco.Image)
    assert isinstance(found["quay.io/acme/none"], pycoco.NotFoundError)
    assert isinstance(found["UPPER"], pycoco.InvalidReferenceError)


def test_one_answer_for_each_platform() -> None:
    platforms = ["linux/amd64", "linux/arm64/v8"]
    amd64, arm64 = (make_image(APP, platforms=platforms, choose=each) for each in platforms)
    with FakeClient({(APP, "linux/amd64"): amd64, (APP, "linux/arm64"): arm64}) as client:
        assert str(client.inspect(APP, platform="linux/arm64").platform) == "linux/arm64/v8"
        found = client.inspect_platforms(APP)
        assert [str(each.platform) for each in found] == platforms
        assert client.manifest(APP).index is not None
        with pytest.raises(pycoco.NotFoundError):
            client.inspect(APP, platform="linux/s390x")


def test_what_a_registry_tells_besides() -> None:
    image = make_image(APP)
    sbom = Referrer(
        "application/vnd.oci.image.manifest.v1+json", image.digest, 10, artifact_type="application/spdx+json"
    )
    answers = {APP: image, "quay.io/acme/app:v2": image, "quay.io/acme/other:v9": image}
    with FakeClient(answers, referrers={APP: [sbom]}) as client:
        assert client.resolve(APP).digest == image.digest
        assert list(client.tags("quay.io/acme/app")) == ["v1", "v2"]
        assert client.referrers(APP) == (sbom,)
        assert client.referrers(APP, artifact_type="application/other") == ()
        assert client.parse_reference(APP).tag == "v1"
        assert client.explain(APP).candidates[0].reference == APP
        with pytest.raises(pycoco.NotFoundError):
            list(client.tags("quay.io/acme/none"))


def test_for_asyncio() -> None:
    image = make_image(APP)

    async def main() -> None:
        async with FakeAsyncClient({APP: image}) as client:
            assert await client.inspect(APP) == image
            assert [each async for each in client.tags("quay.io/acme/app")] == ["v1"]
            assert (await client.resolve(APP)).digest == image.digest

    asyncio.run(main())


def test_it_is_closed_as_a_client_is() -> None:
    client = FakeClient({})
    client.close()
    with pytest.raises(pycoco.OperationCancelledError):
        client.inspect(APP)


def test_what_is_made_is_what_a_registry_would_serve() -> None:
    platforms = ["linux/amd64", "linux/arm64"]
    with FakeRegistry() as registry:
        reference = registry.image("acme/app:v1", platforms=platforms, user="1000", encrypted=True)
        read = pycoco.inspect(reference, platform="linux/arm64", tls_verify=False)
    made = make_image(reference, platforms=platforms, choose="linux/arm64", user="1000", encrypted=True)
    assert (made.digest, made.instance_digest, made.config) == (read.digest, read.instance_digest, read.config)
    with pytest.raises(ValueError, match="linux/s390x is not one of linux/amd64, linux/arm64"):
        make_image(platforms=platforms, choose="linux/s390x")


@pytest.mark.parametrize(("fake", "real"), [(FakeClient, pycoco.Client), (FakeAsyncClient, pycoco.AsyncClient)])
def test_it_has_the_methods_of_the_real_one(fake: type, real: type) -> None:
    for name, method in inspect.getmembers(real, inspect.isfunction):
        if not name.startswith("_"):
            assert getattr(fake, name) is method
