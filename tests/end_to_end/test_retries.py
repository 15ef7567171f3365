"""`retries`: a registry that fails for a moment, and a deadline that is never waited past."""

from __future__ import annotations

import time

import pytest

import pycoco
from pycoco import BackendName
from tests.support.scripted_registry import Answer, Routes, ScriptedRegistry
from tests.unit.python.scripted_image import IMAGE

MANIFEST = "GET /v2/a/b/manifests/v1"
FAILING = Routes({"GET /v2/": Answer()}, otherwise=lambda request: Answer(503))


def inspect(registry: ScriptedRegistry, backend: BackendName, retries: int, timeout: float) -> pycoco.Image:
    """Read the scripted image with so many retries."""
    return pycoco.inspect(
        f"{registry.host}/a/b:v1",
        backend=backend,
        platform="linux/arm64",
        tls_verify=False,
        retries=retries,
        timeout=timeout,
    )


def test_a_registry_that_fails_for_a_moment(backend: BackendName) -> None:
    routes = IMAGE.routes
    served = routes[MANIFEST]
    assert isinstance(served, Answer)
    with ScriptedRegistry(Routes({**routes, MANIFEST: [Answer(503), served]})) as registry:
        image = inspect(registry, backend, retries=1, timeout=30)
    assert image.raw_manifest == IMAGE.manifest


def test_without_it_the_first_failure_counts(backend: BackendName) -> None:
    with ScriptedRegistry(FAILING) as registry:
        with pytest.raises(pycoco.UnavailableError) as caught:
            inspect(registry, backend, retries=0, timeout=30)
        assert sum("/manifests/" in request.path for request in registry.requests) == 1
    assert caught.value.retryable


def test_a_deadline_that_a_retry_would_miss_is_not_waited_for(backend: BackendName) -> None:
    with ScriptedRegistry(FAILING) as registry:
        began = time.monotonic()
        with pytest.raises(pycoco.UnavailableError):
            inspect(registry, backend, retries=9, timeout=0.9)
        assert time.monotonic() - began < 0.9
