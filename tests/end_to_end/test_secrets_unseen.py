"""No secret in an error or a log record, whatever the form of what quotes it; on both backends."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest

import pycoco
from pycoco import BackendName, errors
from tests.parity.fetching import single
from tests.support.scripted_registry import Answer, Request, Route, Routes, ScriptedRegistry

SECRET = "correct-horse-battery"
IMAGE = single()
CONFIG_PATH = f"/v2/app/blobs/{next(iter(IMAGE.blobs))}"


def failure(
    reference: str, backend: BackendName, caplog: pytest.LogCaptureFixture, **options: Any
) -> pycoco.PycocoError:
    """The error of an attempt; neither it nor a log record at any level holds SECRET."""
    given: dict[str, Any] = {"tls_verify": False, "timeout": 30, "platform": "linux/amd64", **options}
    with caplog.at_level(logging.DEBUG, "pycoco"), pytest.raises(pycoco.PycocoError) as caught:
        pycoco.inspect(reference, backend=backend, **given)
    seen = [str(caught.value), repr(caught.value), *(record.getMessage() for record in caplog.records)]
    assert [text for text in seen if SECRET in text or SECRET[:12] in text] == []
    return caught.value


@pytest.mark.parametrize(
    "answer",
    [
        '{"token": "SECRET", "expires_in": "300"}',
        '{"token": "SECRET", "expires_in": 300.5}',
        '{"token": "SECRET", "issued_at": ""}',
        '{"token": "abc", "issued_at": "SECRET"}',
        '{"token": "SECRET"',
        '"SECRET"',
        "SECRET",
        '{"token": ["SECRET"]}',
    ],
)
@pytest.mark.parametrize("form", ["GET", "POST"])
def test_a_token_answer_that_is_none(
    answer: str, form: str, caplog: pytest.LogCaptureFixture, backend: BackendName
) -> None:
    table: dict[str, Route] = {**IMAGE.routes(), "/token": Answer(body=answer.replace("SECRET", SECRET).encode())}
    with ScriptedRegistry(Routes(table)) as registry:
        table["/v2/"] = Answer(401, [("WWW-Authenticate", f'Bearer realm="{registry.url}/token"')])
        options = {"identity_token": "an identity token"} if form == "POST" else {}
        error = failure(f"{registry.host}/app:v1", backend, caplog, **options)
    assert type(error) is errors.RegistryError


@pytest.mark.parametrize(
    ("where", "status"),
    [
        (where, status)
        for where in ("token", "ping", "manifest", "config")
        for status in (400, 401, 403, 404, 429, 500)
        if (where, status) != ("ping", 401)  # which asks for nothing, and is no error
    ],
)
def test_an_error_body(where: str, status: int, caplog: pytest.LogCaptureFixture, backend: BackendName) -> None:
    """A server may say anything in a page that is no error of the specification: it is not repeated."""
    said = Answer(status, [("Retry-After", "0")], f"the token was {SECRET}".encode())
    table: dict[str, Route] = {**IMAGE.routes()}
    with ScriptedRegistry(Routes(table)) as registry:
        if where == "token":
            table["/v2/"] = Answer(401, [("WWW-Authenticate", f'Bearer realm="{registry.url}/token"')])
        paths = {"token": "/token", "ping": "/v2/", "manifest": "/v2/app/manifests/v1", "config": CONFIG_PATH}
        table[paths[where]] = said
        failure(f"{registry.host}/app:v1", backend, caplog, timeout=5 if status == 429 else 30)


def test_a_credential_helper_that_fails(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    backend: BackendName,
) -> None:
    """Its first line is told, as far as it holds no secret; what it writes to standard error goes nowhere."""
    helper = tmp_path / "docker-credential-broken"
    helper.write_text(
        f"#!/bin/sh\necho {SECRET} >&2\necho the keyring is locked, password={SECRET}\necho {SECRET}\nexit 1\n"
    )
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    auth_file = tmp_path / "auth.json"
    auth_file.write_text('{"credHelpers": {"127.0.0.1:1": "broken"}}')
    error = failure("127.0.0.1:1/app:v1", backend, caplog, auth_file=str(auth_file))
    assert type(error) is errors.CredentialsError
    assert "the keyring is locked" in str(error)
    assert SECRET not in capfd.readouterr().err


PROXIES = {
    "backslash": rf"http://CORP\jdoe:{SECRET}@127.0.0.1:1",
    "space": f"http://jdoe:x {SECRET}@127.0.0.1:1",
    "quotes": f'"http://jdoe:{SECRET}@127.0.0.1:1"',
    "bracket": f"http://jdoe:{SECRET}@[::1",
    "no scheme": rf"CORP\jdoe:{SECRET}@127.0.0.1:1",
    "another scheme": f"ftp://jdoe:{SECRET}@127.0.0.1:1",
    "password with a slash": f"http://jdoe:x/{SECRET}@127.0.0.1:1",
    "percent": f"http://jdoe:%zz{SECRET}@127.0.0.1:1",
    "port": f"http://jdoe:{SECRET}@127.0.0.1:70000",
    "port no number": f"http://jdoe:{SECRET}@127.0.0.1:abc",
    "refused": f"http://jdoe:{SECRET}@127.0.0.1:1",
    "another host": f"http://jdoe:{SECRET}@127.0.0.1:1/path?{SECRET}#{SECRET}",
}


@pytest.mark.parametrize("form", PROXIES)
def test_a_proxy_variable(
    form: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, backend: BackendName
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, PROXIES[form])
    error = failure("registry.pycoco.invalid/app:v1", backend, caplog)
    if form in ("refused", "another host"):
        assert type(error) is errors.UnavailableError
    else:
        assert type(error) is errors.ConfigurationError
        assert re.search("HTTPS?_PROXY", str(error))


# What a registry may send to, as a realm or in a redirect: SECRET as user, password, query or fragment of whatever.
URLS = {
    "query": "{url}/x?key=SECRET",
    "fragment": "{url}/x#SECRET",
    "user": "http://jdoe:SECRET@{host}/x",
    "user alone": "http://SECRET@{host}/x",
    "upper case": "HTTP://jdoe:SECRET@{host}/x?SECRET",
    "upper case query": "HTTP://{host}/x?SECRET",
    "another scheme": "ftp://jdoe:SECRET@{host}/x?SECRET",
    "another scheme's query": "gopher+x.1://{host}/x?SECRET#SECRET",
    "no scheme": "//jdoe:SECRET@{host}/x?SECRET",
    "path": "/x?key=SECRET",
    "relative": "x?key=SECRET",
    "relative fragment": "x#SECRET",
    "query alone": "?SECRET",
    "opaque": "mailto:jdoe?SECRET",
    "space in the query": "{url}/x?key=a SECRET",
    "space in the password": "http://jdoe:a SECRET@{host}/x",
    "space in the path": "{url}/x y?SECRET",
    "backslash": r"http://CORP\jdoe:SECRET@{host}/x",
    "slash in the password": "http://jdoe:a/SECRET@{host}/x",
    "bad escape": "http://{host}/%zz?SECRET",
    "bad escape in the password": "http://jdoe:%zzSECRET@{host}/x",
    "bad port": "http://jdoe:SECRET@127.0.0.1:abc/x?SECRET",
    "port that holds it": "http://127.0.0.1:SECRET@{host}/",
    "bracket": "http://jdoe:SECRET@[::1/x?SECRET",
    "apostrophes": "http://jdoe:'SECRET'@{host}/x?'SECRET'",
    "no host": "http://?SECRET",
    "unicode": "http://jdoe:SECRET@{host}/ü?SECRET",
    "tab": "http://jdoe:SECRET@{host}/\t?SECRET",
}


@pytest.mark.parametrize("form", URLS)
@pytest.mark.parametrize("where", ["realm", "manifest", "config", "token"])
def test_a_url_of_a_registry(where: str, form: str, caplog: pytest.LogCaptureFixture, backend: BackendName) -> None:
    def script(request: Request) -> Answer:
        target = URLS[form].format(url=registry.url, host=registry.host).replace("SECRET", SECRET)
        answers = {
            "realm": ("/v2/", Answer(401, [("WWW-Authenticate", f'Bearer realm="{target}"')])),
            "manifest": ("/v2/app/manifests/v1", Answer(307, [("Location", target)])),
            "config": (CONFIG_PATH, Answer(307, [("Location", target)])),
            "token": ("/token", Answer(307, [("Location", target)])),
        }
        if where == "token" and request.path == "/v2/":
            return Answer(401, [("WWW-Authenticate", f'Bearer realm="{registry.url}/token"')])
        path, answer = answers[where]
        return answer if request.path == path else table(request)

    table = Routes(IMAGE.routes(), otherwise=lambda request: Answer(404))
    with ScriptedRegistry(script) as registry:
        failure(f"{registry.host}/app:v1", backend, caplog)


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("jdoe:SECRET@127.0.0.1:1/app", "127.0.0.1:1/app"),
        ("docker://jdoe:SECRET@127.0.0.1:1/app:v1", "127.0.0.1:1/app:v1"),
        ("SECRET@127.0.0.1:1/app", "127.0.0.1:1/app"),
        ("https://jdoe:SECRET@127.0.0.1:1/app", "127.0.0.1:1/app"),
        ("jdoe:a/SECRET@127.0.0.1:1/app", "127.0.0.1:1/app"),
        ("jdoe:SECRET@127.0.0.1:1/app@sha256:abc", "127.0.0.1:1/app@sha256:abc"),
        ("127.0.0.1:1/app?token=SECRET", "127.0.0.1:1/app"),
        ("127.0.0.1:1/app:v1#SECRET", "127.0.0.1:1/app:v1"),
        ("docker://127.0.0.1:1/app:v1?token=SECRET", "127.0.0.1:1/app:v1"),
        ("jdoe:SECRET@127.0.0.1:1/APP", "127.0.0.1:1/APP"),
        ("org/app@sha256:abc", "org/app@sha256:abc"),
        ("app:v1@sha256:abc", "app:v1@sha256:abc"),
        ("127.0.0.1:1/org/app@sha256:ABC", "127.0.0.1:1/org/app@sha256:ABC"),
        ("org/app@v1", "org/app@v1"),
        ("org/APP:v1", "org/APP:v1"),
    ],
)
def test_a_reference(text: str, stays: str, caplog: pytest.LogCaptureFixture, backend: BackendName) -> None:
    error = failure(text.replace("SECRET", SECRET), backend, caplog)
    assert type(error) is errors.InvalidReferenceError
    assert stays in str(error)
