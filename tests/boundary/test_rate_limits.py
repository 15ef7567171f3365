"""Too many requests: who is told so tells everybody else of the client, and nobody waits beyond its deadline."""

from __future__ import annotations

import time

import pytest

import pycoco
from pycoco import BackendName, errors
from tests.boundary import served
from tests.support.scripted_registry import Answer, Request, ScriptedRegistry

LIMITED = Answer(
    429, [("Retry-After", "30"), ("RateLimit-Limit", "100;w=21600"), ("RateLimit-Remaining", "0;w=21600")], b"{}"
)


@pytest.fixture
def limited(scripted: ScriptedRegistry) -> ScriptedRegistry:
    """A registry that answers its ping, and everything else with 429 and a pause of 30 seconds."""
    scripted.script = lambda request: Answer() if request.path == "/v2/" else LIMITED
    return scripted


def test_a_pause_beyond_the_deadline_is_an_error_at_once(limited: ScriptedRegistry, backend: BackendName) -> None:
    began = time.monotonic()
    with pytest.raises(errors.RateLimitedError) as caught:
        pycoco.inspect(f"{limited.host}/app:v1", backend=backend, tls_verify=False, timeout=10)
    assert time.monotonic() - began < 5
    assert caught.value.retry_after == pytest.approx(30, abs=5)
    assert caught.value.rate_limit == {"ratelimit-limit": "100;w=21600", "ratelimit-remaining": "0;w=21600"}
    assert caught.value.retryable
    assert len([line for line in limited.lines if "/manifests/" in line]) == 1


def test_a_token_servers_pause_beyond_the_deadline(scripted: ScriptedRegistry, backend: BackendName) -> None:
    challenge = [("WWW-Authenticate", f'Bearer realm="{scripted.url}/token"')]
    scripted.script = lambda request: LIMITED if request.path == "/token" else Answer(401, challenge)
    began = time.monotonic()
    with pytest.raises(errors.RateLimitedError) as caught:
        pycoco.inspect(f"{scripted.host}/app:v1", backend=backend, tls_verify=False, timeout=10)
    assert time.monotonic() - began < 5
    assert caught.value.retry_after == pytest.approx(30, abs=5)


def test_many_images_of_an_exhausted_registry(limited: ScriptedRegistry, backend: BackendName) -> None:
    references = [f"{limited.host}/app:v{number}" for number in range(40)]
    with pycoco.Client(backend=backend, tls_verify=False, timeout=10) as client:
        began = time.monotonic()
        found = dict(client.inspect_many(references, concurrency=4))
        assert time.monotonic() - began < 8
    assert {type(answer) for answer in found.values()} == {errors.RateLimitedError}
    # Those that were under way when the first answer came; the others are not even sent.
    assert len([line for line in limited.lines if "/manifests/" in line]) <= 4
    assert len(limited.requests) <= 12  # with pings, a try by https aside


def test_a_pause_holds_for_the_whole_client(scripted: ScriptedRegistry, backend: BackendName) -> None:
    times: list[float] = []

    def script(request: Request) -> Answer:
        if "/manifests/" in request.path:
            times.append(time.monotonic())
            if len(times) == 1:
                return Answer(429, [("Retry-After", "1")], b"{}")
        return served.image(request)

    scripted.script = script
    with pycoco.Client(backend=backend, tls_verify=False, timeout=30) as client:
        found = dict(client.inspect_many([f"{scripted.host}/app:v{number}" for number in range(6)], concurrency=1))
        assert all(isinstance(answer, pycoco.Image) for answer in found.values())
    assert times[1] - times[0] >= 0.9
    assert len(times) == 7


def test_one_finds_out_whether_a_pause_is_over(scripted: ScriptedRegistry, backend: BackendName) -> None:
    """While the registry goes on to refuse, one request is made after each pause, and all give up after the fifth."""
    scripted.script = lambda request: Answer() if request.path == "/v2/" else Answer(429, [("Retry-After", "1")], b"{}")
    with pycoco.Client(backend=backend, tls_verify=False, timeout=30) as client:
        references = [f"{scripted.host}/app:v{number}" for number in range(20)]
        found = dict(client.inspect_many(references, concurrency=20))
    assert {type(answer) for answer in found.values()} == {errors.RateLimitedError}
    assert (
        len([line for line in scripted.lines if "/manifests/" in line]) <= 50
    )  # a hundred without a brake; on a busy machine some of the first are late
