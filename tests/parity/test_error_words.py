"""Who reads an error need not know which backend it is of: class, fields, sentence and cure are the same.

What stands in brackets is each backend's own, the registry's words or those of containers/image. It is not for which
class an answer has (see `test_error_answers`), nor for what of the host's files is wrong.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pycoco import BackendName, Client
from pycoco.errors import PycocoError
from tests.parity.fetching import encoded, sha256, single
from tests.support.certificates import CertificateAuthority
from tests.support.empty_home import move_to_empty_home
from tests.support.media_types import OCI_INDEX, OCI_MANIFEST
from tests.support.scripted_registry import Answer, Request, Route, Routes, Script, ScriptedRegistry

FIELDS = ("status", "spec_code", "url", "registry", "retryable", "retry_after", "digest", "media_type", "platforms")
_BRACKETS = re.compile(r" ?\([^()]*\)")
_PORT = re.compile(r"127\.0\.0\.1:\d+")


@dataclass(frozen=True)
class Row:
    """A failure: how the registry answers, what is asked and how, and the class and words that both must give.

    HOST stands for the registry's own. Without a script nobody listens there.
    """

    script: Callable[[], Script] | None
    kind: str
    says: str
    options: dict[str, Any] = field(default_factory=dict)
    reference: str = "HOST/app:v1"
    authority: str = ""
    environ: dict[str, str] = field(default_factory=dict)


def said(code: str, message: str = "m") -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


def image(**changed: Route) -> Callable[[], Script]:
    return lambda: Routes(single().routes(**changed))


def served(body: bytes, media_type: str = OCI_MANIFEST) -> Callable[[], Script]:
    return image(manifest=Answer(headers=[("Content-Type", media_type)], body=body))


def with_tokens(answer: Answer) -> Callable[[], Script]:
    def script(request: Request) -> Answer:
        if request.path == "/token":
            return answer
        realm = f'Bearer realm="http://{request.header("Host")}/token",service="s"'
        return Answer(401, headers=[("WWW-Authenticate", realm)], body=said("UNAUTHORIZED"))

    return lambda: script


def always(answer: Answer) -> Callable[[], Script]:
    return lambda: lambda request: answer


BASIC = [("WWW-Authenticate", 'Basic realm="r"')]
PAUSE = [("Retry-After", "3600")]
INDEX = encoded(
    {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [
            {
                "mediaType": OCI_MANIFEST,
                "digest": sha256(b"other"),
                "size": 5,
                "platform": {"os": "plan9", "architecture": "mips"},
            }
        ],
    }
)
ARTIFACT = encoded(
    {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "application/spdx+json",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": sha256(b"{}"), "size": 2},
        "layers": [],
    }
)
MANIFEST = "http://HOST/v2/app/manifests/v1 answered with status"
BLOB = f"http://HOST/v2/app/blobs/{next(iter(single().blobs))}"
TOKEN = "getting a token for HOST: http://HOST/token answered with status"
PASSWORD: dict[str, Any] = {"creds": ("user", "hunter2")}
SPELT = "; see how the name, and the tag or digest, are spelt"
LATER = "; try again later"
PROXIED: dict[str, Any] = {
    "options": {"tls_verify": True},
    "reference": "registry.pycoco.invalid/app:v1",
    "environ": {"HTTPS_PROXY": "http://HOST"},
}
PROXY = (
    "cannot reach https://registry.pycoco.invalid/v2/ by way of the proxy HOST: the proxy cannot be used;"
    " see HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
)

ROWS = {
    "401": Row(
        image(ping=Answer(401, BASIC), manifest=Answer(401, BASIC, said("UNAUTHORIZED"))),
        "UnauthorizedError",
        f"{MANIFEST} 401; asked without credentials",
    ),
    "401 with credentials": Row(
        image(ping=Answer(401, BASIC), manifest=Answer(401, BASIC, said("UNAUTHORIZED"))),
        "UnauthorizedError",
        f"{MANIFEST} 401; asked with the credentials given",
        PASSWORD,
    ),
    "401 with a token": Row(
        image(manifest=Answer(401, body=said("UNAUTHORIZED"))),
        "UnauthorizedError",
        f"{MANIFEST} 401; asked with the registry_token given",
        {"registry_token": "hunter2"},
    ),
    "401 for a blob": Row(
        image(config=Answer(401, body=said("UNAUTHORIZED"))),
        "UnauthorizedError",
        f"{BLOB} answered with status 401; asked without credentials",
    ),
    "403": Row(
        image(manifest=Answer(403, body=said("DENIED"))),
        "DeniedError",
        f"{MANIFEST} 403; asked without credentials",
    ),
    "404": Row(image(manifest=Answer(404, body=b"nope")), "NotFoundError", f"{MANIFEST} 404{SPELT}"),
    "404 for a manifest": Row(
        image(manifest=Answer(404, body=said("MANIFEST_UNKNOWN"))), "NotFoundError", f"{MANIFEST} 404{SPELT}"
    ),
    "404 for a repository": Row(
        image(manifest=Answer(404, body=said("NAME_UNKNOWN"))), "NotFoundError", f"{MANIFEST} 404{SPELT}"
    ),
    "404 for a blob": Row(
        image(config=Answer(404, body=said("BLOB_UNKNOWN"))), "NotFoundError", f"{BLOB} answered with status 404{SPELT}"
    ),
    "a status that is not its code's": Row(
        image(manifest=Answer(418, body=said("DENIED"))), "DeniedError", f"{MANIFEST} 418; asked without credentials"
    ),
    "404 that says it is denied": Row(
        image(manifest=Answer(404, body=said("DENIED"))),
        "DeniedError",
        f"{MANIFEST} 404; asked without credentials",
    ),
    "429": Row(
        image(manifest=Answer(429, PAUSE, said("TOOMANYREQUESTS"))), "RateLimitedError", f"{MANIFEST} 429{LATER}"
    ),
    "500": Row(image(manifest=Answer(500, body=said("UNKNOWN"))), "UnavailableError", f"{MANIFEST} 500{LATER}"),
    "503": Row(image(manifest=Answer(503)), "UnavailableError", f"{MANIFEST} 503{LATER}"),
    "503 for a blob": Row(image(config=Answer(503)), "UnavailableError", f"{BLOB} answered with status 503{LATER}"),
    "a status of no use": Row(image(manifest=Answer(418)), "RegistryError", f"{MANIFEST} 418; tell who runs it"),
    "ping 500": Row(image(ping=Answer(500)), "UnavailableError", f"http://HOST/v2/ answered with status 500{LATER}"),
    "token 401": Row(
        with_tokens(Answer(401, body=said("UNAUTHORIZED"))),
        "UnauthorizedError",
        f"{TOKEN} 401; asked with the credentials given",
        PASSWORD,
    ),
    "token 403": Row(with_tokens(Answer(403)), "DeniedError", f"{TOKEN} 403; asked without credentials"),
    "token 429": Row(with_tokens(Answer(429, PAUSE)), "RateLimitedError", f"{TOKEN} 429{LATER}"),
    "token 500": Row(with_tokens(Answer(500)), "UnavailableError", f"{TOKEN} 500{LATER}"),
    "a token that is none": Row(
        with_tokens(Answer(body=b"hunter2")),
        "RegistryError",
        "the answer of the token server of HOST cannot be read; tell who runs it",
    ),
    "a token that is not accepted": Row(
        with_tokens(Answer(body=b'{"token":"t"}')), "UnauthorizedError", f"{MANIFEST} 401; asked without credentials"
    ),
    "an unknown authority": Row(
        image(),
        "UnavailableError",
        "cannot reach https://HOST/v2/: its certificate is of an authority that is not trusted here;"
        " put the authority's certificate into certs.d/HOST/ca.crt, or give cert_dir",
        {"tls_verify": True},
        authority="unknown",
    ),
    "an expired certificate": Row(
        image(),
        "UnavailableError",
        "cannot reach https://HOST/v2/: its certificate has expired, or is not valid yet;"
        " have it renewed, and see this machine's clock",
        {"tls_verify": True},
        authority="expired",
    ),
    "another name's certificate": Row(
        image(),
        "UnavailableError",
        "cannot reach https://HOST/v2/: its certificate is for another name;"
        " ask for it by a name that its certificate has",
        {"tls_verify": True},
        authority="other",
    ),
    "http for https": Row(
        image(),
        "UnavailableError",
        "cannot reach https://HOST/v2/: it does not speak TLS;"
        " where plain http is right, set insecure = true for it, or --tls-verify=false",
        {"tls_verify": True},
    ),
    "a refused connection": Row(
        None,
        "UnavailableError",
        "cannot reach http://HOST/v2/: the connection is refused; see that it runs, and on that port",
    ),
    "a connection closed": Row(
        image(manifest=Answer(drop=True)),
        "UnavailableError",
        f"cannot reach http://HOST/v2/app/manifests/v1: the server closed the connection without an answer{LATER}",
    ),
    "what is not HTTP": Row(
        image(manifest=Answer(raw=b"SSH-2.0 hello\r\n\r\n")),
        "UnavailableError",
        f"cannot reach http://HOST/v2/app/manifests/v1{LATER}",
    ),
    "a body cut short": Row(
        image(manifest=Answer(headers=[("Content-Type", OCI_MANIFEST)], body=b"{}" * 40, send=20)),
        "UnavailableError",
        f"http://HOST/v2/app/manifests/v1 sent a body that cannot be read{LATER}",
    ),
    "the operation's own time limit": Row(
        image(manifest=Answer(wait=30)),
        "DeadlineError",
        "reading 'HOST/app:v1' was not done within 0.5 seconds; allow a longer timeout",
        {"timeout": 0.5},
    ),
    "another config": Row(
        image(config=Answer(body=b"{}")),
        "DigestMismatchError",
        f"the config has the digest {sha256(b'{}')}, not {next(iter(single().blobs))} by which it was asked for;"
        " do not use it",
    ),
    "too large": Row(
        served(b" " * 5_000_000),
        "TooLargeError",
        "what http://HOST/v2/app/manifests/v1 sent is larger than 4194304 bytes; it is refused",
    ),
    "not JSON": Row(served(b"hello"), "ManifestError", "the manifest is not valid JSON"),
    "not a manifest's type": Row(
        served(b"{}", "text/html"),
        "UnsupportedManifestError",
        "the registry serves the manifest as 'text/html', which is no manifest's type;"
        " its Content-Type has to name the manifest's own type",
    ),
    "an artifact": Row(
        served(ARTIFACT),
        "NotAnImageError",
        "it is an artifact of type 'application/spdx+json', not a container image",
    ),
    "another platform": Row(
        served(INDEX, OCI_INDEX),
        "NoMatchingPlatformError",
        "the index has no image for linux/s390x; ask for one of the platforms that it has: plan9/mips",
        {"platform": "linux/s390x"},
    ),
    "a blocked registry": Row(
        image(),
        "BlockedError",
        "registries.conf blocks blocked.example/app; allow it there or ask another registry",
        reference="blocked.example/app:v1",
    ),
    "a short name": Row(
        image(),
        "ShortNameError",
        "'app' names no registry; write REGISTRY/app, or add an alias or a registry to registries.conf",
        reference="app",
    ),
    "no reference": Row(
        image(),
        "InvalidReferenceError",
        "'HOST/app:' is not an image reference; write REGISTRY/REPOSITORY[:TAG|@DIGEST]",
        reference="HOST/app:",
    ),
    "a proxy that refuses": Row(always(Answer(407)), "UnavailableError", PROXY, **PROXIED),
    "a proxy that is not there": Row(None, "UnavailableError", PROXY, **PROXIED),
    "redirects in a circle": Row(
        image(config=lambda request: Answer(307, [("Location", request.target)])),
        "UnavailableError",
        f"{BLOB} redirects once more after nine redirects; they are not followed further",
    ),
    "a redirect to no web address": Row(
        image(config=Answer(307, [("Location", "ftp://h.invalid/x")])),
        "UnavailableError",
        f"{BLOB} redirects to something that is not an http or https URL; it is not followed",
    ),
    "a redirect to nowhere": Row(
        image(config=Answer(307)), "RegistryError", f"{BLOB} answered with status 307; tell who runs it"
    ),
}
"""Every kind of failure of a registry, by what happens."""

LASTING = {
    "an unknown authority",
    "an expired certificate",
    "another name's certificate",
    "http for https",
    "redirects in a circle",
    "a redirect to no web address",
}
"""The failures to get an answer for which the same call cannot succeed later."""


@pytest.mark.parametrize("name", ROWS)
def test_both_say_it_alike(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    move_to_empty_home(tmp_path, monkeypatch)
    row = ROWS[name]
    go, python = (failure(row, backend, tmp_path / backend, monkeypatch) for backend in ("go", "python"))
    assert (type(go).__name__, words(go)) == (row.kind, row.says)
    assert (type(python).__name__, words(python)) == (row.kind, row.says)
    assert fields(go) == fields(python)
    assert "hunter2" not in f"{go} {python}"
    if row.kind == "UnavailableError":
        assert getattr(go, "retryable", None) is (name not in LASTING)


def failure(row: Row, backend: BackendName, directory: Path, monkeypatch: pytest.MonkeyPatch) -> PycocoError:
    """What one backend raises."""
    directory.mkdir()
    (directory / "registries.conf").write_text('[[registry]]\nlocation = "blocked.example"\nblocked = true\n')
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(directory / "registries.conf"))
    with ExitStack() as stack:
        host = "127.0.0.1:1"
        if row.script is not None:
            tls = context(row.authority, directory, monkeypatch) if row.authority else None
            host = stack.enter_context(ScriptedRegistry(row.script(), tls=tls)).host
        for variable, value in row.environ.items():
            monkeypatch.setenv(variable, value.replace("HOST", host))
        options = {"timeout": 30.0, "tls_verify": False, **row.options}
        client = stack.enter_context(Client(backend=backend, **options))
        with pytest.raises(PycocoError) as raised:
            client.inspect(row.reference.replace("HOST", host))
    return raised.value


def context(kind: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's TLS; its authority is trusted unless that is what is wrong."""
    authority = CertificateAuthority(directory)
    if kind != "unknown":
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))
    files = authority.issue("server", *(["other.example"] if kind == "other" else []), expired=kind == "expired")
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(files.certificate, files.key)
    return made


def words(error: PycocoError) -> str:
    """The sentence and the cure: without what stands in brackets, which may be nested, and by one kind of quotes."""
    text = _PORT.sub("HOST", str(error)).replace('"', "'")
    while (shorter := _BRACKETS.sub("", text)) != text:
        text = shorter
    return text


def fields(error: PycocoError) -> dict[str, object]:
    """What else an error has."""

    def told() -> Iterator[tuple[str, object]]:
        for name in FIELDS:
            value = getattr(error, name, None)
            yield name, _PORT.sub("HOST", value) if isinstance(value, str) else value

    return dict(told())
