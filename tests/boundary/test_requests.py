"""What each backend tells of its requests: the same records and events, no secrets, at no cost to what is read."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import cast

import pytest

import pycoco
from pycoco import BackendName
from pycoco.backends.exchange import Exchange, Observer
from pycoco.testing import FakeRegistry
from tests.boundary import served
from tests.parity.fetching import single
from tests.support.scripted_registry import Answer, Request, Routes, ScriptedRegistry

BACKENDS: tuple[BackendName, ...] = ("go", "go-process", "python")


@pytest.fixture(params=BACKENDS)
def every_backend(request: pytest.FixtureRequest) -> BackendName:
    return cast("BackendName", request.param)


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry(users={"user": "hunter2"}, tokens=True) as running:
        yield running


def read(reference: str, backend: BackendName, **options: object) -> list[Exchange]:
    seen: list[Exchange] = []
    with pycoco.Client(
        backend=backend, tls_verify=False, creds=("user", "hunter2"), on_request=seen.append, timeout=20
    ) as client:
        client.inspect(reference)
    return seen


def test_every_backend_tells_the_same(registry: FakeRegistry) -> None:
    reference = registry.image("team/app:v1", platforms=["linux/amd64"])
    told = {}
    for backend in BACKENDS:
        exchanges = read(reference, backend)
        assert {one.backend for one in exchanges} == {backend}
        told[backend] = [(one.method, one.url, one.status, one.source, one.bytes) for one in exchanges]
        assert [one.bytes > 0 for one in exchanges[-3:]] == [True, True, True]
        assert all(0 <= one.seconds < 20 for one in exchanges)
    assert told["go"] == told["go-process"] == told["python"]
    assert [(status, source) for _, _, status, source, _ in told["go"]] == [
        (None, registry.host),  # https, which it does not speak
        (401, registry.host),
        (200, registry.host),  # the token
        (200, f"{registry.host}/team/app"),
        (200, f"{registry.host}/team/app"),
        (200, f"{registry.host}/team/app"),
    ]


def test_a_ping_and_a_redirect_are_told_alike() -> None:
    """Of a ping nobody reads the body; net/http reads a redirect's."""
    there = Routes(single().routes(config=Answer(307, [("Location", "/elsewhere")], b"see elsewhere")))
    body = next(iter(single().blobs.values()))
    told = []
    for backend in BACKENDS:
        script = Routes({**there.table, "/elsewhere": Answer(body=body)})
        with ScriptedRegistry(script) as scripted:
            seen: list[Exchange] = []
            with pycoco.Client(backend=backend, tls_verify=False, on_request=seen.append) as client:
                client.inspect(f"{scripted.host}/app:v1")
        told.append([(one.status, one.bytes) for one in seen])
    manifest = len(single().manifests["v1"][1])
    assert told == [[(None, 0), (200, 0), (200, manifest), (307, 13), (200, len(body))]] * len(BACKENDS)


def test_nothing_secret_is_told(
    registry: FakeRegistry, every_backend: BackendName, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "pycoco.requests")
    exchanges = read(registry.image("team/app:v1"), every_backend)
    text = repr(exchanges) + "".join(record.getMessage() for record in caplog.records)
    assert "hunter2" not in text
    assert "account" not in text, "a token's request has the user in its query"
    assert "?" not in text


def test_a_record_has_fields(
    registry: FakeRegistry, every_backend: BackendName, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "pycoco.requests")
    reference = registry.image("team/app:v1")
    pycoco.inspect(reference, backend=every_backend, tls_verify=False, creds=("user", "hunter2"))
    record = next(one for one in caplog.records if one.name == "pycoco.requests" and "/manifests/" in one.getMessage())
    assert record.__dict__["http_status"] == 200
    assert record.__dict__["http_method"] == "GET"
    assert record.__dict__["http_url"] == f"http://{registry.host}/v2/team/app/manifests/v1"
    assert record.__dict__["source"] == f"{registry.host}/team/app"
    assert record.__dict__["backend"] == every_backend


def test_redirects_and_errors_are_told_each(every_backend: BackendName) -> None:
    def script(request: Request) -> Answer:
        return Answer(404, body=b"x" * 100)

    with ScriptedRegistry(Routes({"/v2/": Answer(body=b"{}")}, script)) as scripted:
        seen: list[Exchange] = []
        client = pycoco.Client(backend=every_backend, tls_verify=False, on_request=seen.append)
        with client, pytest.raises(pycoco.NotFoundError):
            client.inspect(f"{scripted.host}/team/app:v1")
    assert (seen[-1].status, seen[-1].bytes) == (404, 100)


HUB = {"RateLimit-Limit": "100;w=21600", "RateLimit-Remaining": "76;w=21600", "Docker-RateLimit-Source": "192.0.2.1"}
ODD = {
    "RateLimit": '"default";r=50;t=30',  # the drafts' later form
    "RateLimit-Policy": '"default";q=100;w=10',
    "X-RateLimit-Reset": "1700000000",
    "RateLimit-Long": "9" * 300,
    "RateLimit-Bytes": "\xff",
    "X-Ratelimits": "1",
    "Set-Cookie": "session=secret",
}
LIMITS = {
    "docker hub": (HUB, {name.lower(): value for name, value in HUB.items()}),
    "odd": (
        ODD,
        {name.lower(): ODD[name][:200] for name in ("RateLimit", "RateLimit-Policy", "X-RateLimit-Reset")}
        | {"ratelimit-long": "9" * 200},
    ),
    "too many": (
        {f"RateLimit-{number}": "1" for number in range(50, 10, -1)},
        {f"ratelimit-{number}": "1" for number in range(11, 21)},
    ),
    "none": ({}, {}),
}


@pytest.mark.parametrize("name", LIMITS)
def test_what_is_left_of_a_rate_limit_is_told(name: str, every_backend: BackendName) -> None:
    sent, told = LIMITS[name]

    def script(request: Request) -> Answer:
        answer = served.image(request)
        more = list(sent.items()) if "/manifests/" in request.path else []
        return Answer(answer.status, [*answer.headers, *more], answer.body)

    seen: list[Exchange] = []
    with (
        ScriptedRegistry(script) as scripted,
        pycoco.Client(backend=every_backend, tls_verify=False, on_request=seen.append) as client,
    ):
        client.inspect(f"{scripted.host}/team/app:v1")
        client.resolve(f"{scripted.host}/team/app:v1")
    manifests = [one for one in seen if "/manifests/" in one.url]
    assert [one.method for one in manifests][:2] == ["GET", "HEAD"]
    assert [dict(one.rate_limit) for one in manifests] == [told] * len(manifests)
    assert {len(one.rate_limit) for one in seen if "/manifests/" not in one.url} == {0}
    assert len(set(seen)) == len(seen), "an exchange can be put into a set"


def test_one_who_raises_costs_nothing(
    registry: FakeRegistry, every_backend: BackendName, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(exchange: Exchange) -> None:
        raise RuntimeError("a bug in a hook")

    reference = registry.image("team/app:v1")
    with pycoco.Client(backend=every_backend, tls_verify=False, creds=("user", "hunter2"), on_request=broken) as client:
        assert client.inspect(reference).digest == registry.digest(reference)
    assert "on_request failed" in caplog.text


def test_nobody_looks_by_default() -> None:
    assert not Observer("go").wanted


def test_a_url_that_is_none_is_not_shown() -> None:
    seen: list[Exchange] = []
    Observer("go", seen.append).saw("GET", "http://[user:secret@", None, 0.0, 0)
    assert seen[0].url == "an invalid URL"
