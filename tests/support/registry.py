"""A real registry, CNCF distribution, on a free loopback port, with its access log.

It is not for answers a real registry does not give (tests/support/scripted_registry.py does those), and asks nobody for
passwords: users, token server and certificates are what the caller hands it. It needs the standard library only,
because the demo runs it too.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.support.tools import build_tool

if TYPE_CHECKING:
    from tests.support.certificates import CertificateFiles
    from tests.support.images import BuiltImages
    from tests.support.token_server import TokenServer

START_ATTEMPTS = 5
START_TIMEOUT = 20.0
STOP_TIMEOUT = 5.0
_LOG_LINE = re.compile(r'^\S+ \S+ \S+ \[[^]]*\] "(?P<method>[A-Z]+) (?P<path>\S+) [^"]*" (?P<status>\d{3}) ')
_MARKER = "/end-of-requests-"

# Becomes the registry, after asking the kernel to end it with its parent: that may be killed before it can clean up.
_LAUNCHER = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


class Request(NamedTuple):
    """One line of the access log."""

    method: str
    path: str
    status: int


class RegistryError(RuntimeError):
    """The registry did not start, or refused what the test gave it."""


class Registry:
    """Run a registry for as long as the `with` block runs.

    `storage` shares a directory with another registry (a plain one that images were pushed to, say); without it the
    registry is empty. `users` turns on Basic authentication with these passwords, `token_server` bearer tokens, `tls`
    https, and `client_authority` (a PEM file) makes a client certificate of that authority necessary; `client` is then
    the one this object uses itself.
    """

    def __init__(
        self,
        *,
        storage: Path | None = None,
        users: Mapping[str, str] | None = None,
        token_server: TokenServer | None = None,
        tls: CertificateFiles | None = None,
        client_authority: Path | None = None,
        client: CertificateFiles | None = None,
        program: Path | None = None,
    ) -> None:
        self._program = program or build_tool("registry")
        self._users = users
        self._token_server = token_server
        self._tls = tls
        self._client_authority = client_authority
        self._client = client
        self._storage = storage
        self._directory = Path()
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0
        self._markers = itertools.count(1)
        self._pushed: set[tuple[str, str]] = set()
        self.port = 0

    @property
    def host(self) -> str:
        """The registry as a reference names it: 127.0.0.1:PORT."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """The registry's URL without a path."""
        return f"{'https' if self._tls else 'http'}://{self.host}"

    @property
    def storage(self) -> Path:
        """The directory with the registry's blobs."""
        return self._storage or self._directory / "storage"

    @property
    def pid(self) -> int:
        """The process id while it runs."""
        if self._process is None:
            raise RegistryError("the registry is not running")
        return self._process.pid

    def reference(self, repository: str, tag: str = "", digest: str = "") -> str:
        """Return the reference of an image in this registry."""
        return f"{self.host}/{repository}" + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")

    def __enter__(self) -> Registry:
        self._directory = Path(tempfile.mkdtemp(prefix="pycoco-registry-"))
        try:
            self.storage.mkdir(exist_ok=True)
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    # Starting and stopping.

    def _start(self) -> None:
        # The registry cannot bind port 0 and tell, so a free port is picked and, if somebody else was faster, another.
        for _ in range(START_ATTEMPTS):
            self.port = _free_port()
            self._process = self._launch()
            if self._ready():
                self.clear_requests()
                return
            self._end_process()
        raise RegistryError(f"{self._program} did not start:\n{self._tail()}")

    def _launch(self) -> subprocess.Popen[bytes]:
        configuration = self._directory / "config.yml"
        configuration.write_text(json.dumps(self._configuration(), indent=1))  # JSON is YAML
        # REGISTRY_* variables would override the configuration; OTEL_* would send traces somewhere.
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("REGISTRY_", "OTEL_"))}
        environment["OTEL_TRACES_EXPORTER"] = "none"
        with self._access_log.open("wb") as access_log, self._error_log.open("wb") as error_log:
            return subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid())),
                    *(str(self._program), "serve", str(configuration)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=access_log,
                stderr=error_log,
                env=environment,
                start_new_session=True,  # Ctrl-C at a terminal ends it through _stop, not half way
            )

    def _configuration(self) -> dict[str, Any]:
        http_section: dict[str, Any] = {"addr": self.host, "secret": "only for tests"}
        if self._tls:
            http_section["tls"] = {"certificate": str(self._tls.certificate), "key": str(self._tls.key)}
            if self._client_authority:
                http_section["tls"]["clientcas"] = [str(self._client_authority)]
        configuration: dict[str, Any] = {
            "version": "0.1",
            "log": {"level": "warn"},
            "storage": {
                "filesystem": {"rootdirectory": str(self.storage)},
                "delete": {"enabled": True},
                "maintenance": {"uploadpurging": {"enabled": False}},
            },
            "http": http_section,
        }
        if self._users is not None:
            passwords = self._directory / "htpasswd"
            passwords.write_text("".join(f"{user}:{_bcrypt(password)}\n" for user, password in self._users.items()))
            configuration["auth"] = {"htpasswd": {"realm": "pycoco tests", "path": str(passwords)}}
        if self._token_server is not None:
            configuration["auth"] = {"token": _token_authentication(self._token_server)}
        return configuration

    def _ready(self) -> bool:
        """Wait until the registry has logged a request of ours: then it is up, and it is ours."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                return False
            try:
                return self._synchronise(wait=1.0)
            except OSError:  # nobody listens yet
                time.sleep(0.01)
        return False

    def _stop(self) -> None:
        self._end_process()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    # The logs.

    @property
    def _access_log(self) -> Path:
        return self._directory / "access.log"

    @property
    def _error_log(self) -> Path:
        return self._directory / "error.log"

    def _tail(self) -> str:
        with contextlib.suppress(OSError):
            return self._error_log.read_text(errors="replace")[-2000:]
        return ""

    @property
    def log_lines(self) -> list[str]:
        """The access log's own lines since the start or the last `clear_requests`."""
        self._synchronise()
        with self._access_log.open("rb") as log:
            log.seek(self._log_start)
            text = log.read().decode(errors="replace")
        return [line for line in text.splitlines() if _MARKER not in line]

    @property
    def requests(self) -> list[Request]:
        """Every request answered since the start or the last `clear_requests`, in the order of their end."""
        found = [_LOG_LINE.match(line) for line in self.log_lines]
        return [Request(line["method"], line["path"], int(line["status"])) for line in found if line]

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        self._synchronise()
        self._log_start = self._access_log.stat().st_size

    def _synchronise(self, wait: float = STOP_TIMEOUT) -> bool:
        """Ask for something and wait for its line, so that the lines of earlier requests are there too."""
        path = f"{_MARKER}{next(self._markers)}"
        with self._connection(timeout=wait) as connection:
            connection.request("GET", path)
            connection.getresponse().read()
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline:
            if f'"GET {path} ' in self._access_log.read_text(errors="replace"):
                return True
            time.sleep(0.002)
        if self._process is not None and self._process.poll() is not None:
            raise RegistryError(f"the registry ended:\n{self._tail()}")
        return False

    @contextlib.contextmanager
    def _connection(self, timeout: float = 10) -> Iterator[http.client.HTTPConnection]:
        connection: http.client.HTTPConnection
        if self._tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            if self._client:
                context.load_cert_chain(self._client.certificate, self._client.key)
            connection = http.client.HTTPSConnection(self.host, timeout=timeout, context=context)
        else:
            connection = http.client.HTTPConnection(self.host, timeout=timeout)
        try:
            yield connection
        finally:
            connection.close()

    # Pushing.

    def push(self, built: BuiltImages, name: str, repository: str, tag: str) -> str:
        """Push one of the built images with everything below it and return its digest.

        Only to a registry that asks for nothing: others share the storage of such a one.
        """
        if self._users is not None or self._token_server or self._client_authority:
            raise RegistryError("push to a plain registry and give its storage to this one")
        with self._connection() as connection:
            _push_image(connection, built, built.images[name], f"/v2/{repository}", tag, self._pushed)
        return str(built.images[name]["digest"])


def _push_image(
    connection: http.client.HTTPConnection,
    built: BuiltImages,
    image: dict[str, Any],
    base: str,
    tag: str,
    pushed: set[tuple[str, str]],
) -> None:
    for child in image.get("manifests", []):
        _push_image(connection, built, child, base, child["digest"], pushed)
    for part in [image["config"], *image["layers"]] if "config" in image else []:
        if (base, part["digest"]) not in pushed:
            _push_blob(connection, base, part["digest"], built.blob(part["digest"]))
            pushed.add((base, part["digest"]))
    content_type = {"Content-Type": image["mediaType"]}
    _exchange(connection, "PUT", f"{base}/manifests/{tag}", 201, built.blob(image["digest"]), content_type)


def _push_blob(connection: http.client.HTTPConnection, base: str, digest: str, content: bytes) -> None:
    location = _exchange(connection, "POST", f"{base}/blobs/uploads/", 202)["Location"]
    path = location[location.index("/v2/") :]
    separator = "&" if "?" in path else "?"
    content_type = {"Content-Type": "application/octet-stream"}
    _exchange(connection, "PUT", f"{path}{separator}digest={digest}", 201, content, content_type)


def _exchange(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    expected: int,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> http.client.HTTPMessage:
    connection.request(method, path, body, dict(headers or {}))
    response = connection.getresponse()
    content = response.read()
    if response.status != expected:
        raise RegistryError(f"{method} {path}: {response.status} {content.decode(errors='replace')[:500]}")
    return response.headers


def _token_authentication(server: TokenServer) -> dict[str, Any]:
    from tests.support.token_server import ISSUER, SERVICE

    return {
        "realm": server.realm,
        "service": SERVICE,
        "issuer": ISSUER,
        "jwks": str(server.jwks),
        "signingalgorithms": ["ES256"],
    }


def _bcrypt(password: str) -> str:
    import bcrypt  # the only hash the registry's htpasswd takes; needed for that alone

    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
