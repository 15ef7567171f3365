"""Where the pages' commands run: a home of their own, and the registries that the pages speak of, on loopback.

Names such as quay.io lead to this process: a proxy tunnels them to registries with certificates of an authority that
only this home trusts, so commands and outputs are those of a real host. It is not for comparing what was printed.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import io
import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pycoco.testing import FakeRegistry, ImageParts
from tests.support.certificates import CertificateAuthority
from tests.support.proxy import TunnelProxy
from tests.support.tools import ROOT

PUBLIC = ("quay.io", "docker.io", "registry-1.docker.io", "ghcr.io", "mirror.acme.example")
PRIVATE = ("registry.acme.example",)
USER, PASSWORD = "builder", "correct horse"
COMMAND_SECONDS = 60
HOME = "/home/you"
"""What the pages call the home directory."""


class Stage:
    """A page's surroundings: `directory` is its working directory, `environment` what its commands see."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self.directory = directory
        self.environment = environment
        self._names: dict[str, Any] = {"__name__": "__main__"}

    def write(self, name: str, text: str) -> None:
        """Write a file that a page shows; a name with ~ is below the home."""
        path = self.directory / name.replace("~", self.environment["HOME"], 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def run(self, command: str) -> str:
        """Run a command as a shell would and return what it prints on either stream."""
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        return self._told(done.stdout)

    def execute(self, program: str, name: str) -> str:
        """Run a Python block in this process, after those before it, and return what it prints."""
        printed = io.StringIO()
        code = compile(program, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        with self._entered(), contextlib.redirect_stdout(printed):
            ending = eval(code, self._names)  # the project's own pages
            if ending is not None:
                asyncio.run(ending)
        return self._told(printed.getvalue())

    def _told(self, printed: str) -> str:
        """Return what was printed as it would be on a reader's own machine."""
        return printed.replace(self.environment["HOME"], HOME)

    @contextlib.contextmanager
    def _entered(self) -> Iterator[None]:
        before, directory = dict(os.environ), Path.cwd()
        try:
            os.environ.clear()
            os.environ.update(self.environment)
            os.chdir(self.directory)
            yield
        finally:
            os.chdir(directory)
            os.environ.clear()
            os.environ.update(before)


@contextlib.contextmanager
def stage(directory: Path) -> Iterator[Stage]:
    """Set the stage in an empty directory."""
    authority = CertificateAuthority(directory)
    certificate = authority.issue("registry", *PUBLIC, *PRIVATE, "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    private = FakeRegistry(users={USER: PASSWORD}, tokens=True, tls=context)
    with FakeRegistry(tls=context) as public, private:
        fill(public)
        private.image("team/app:v1", cmd=["/app"], labels={"team": "blue"})
        with TunnelProxy(public.host, dict.fromkeys(PRIVATE, private.host)) as proxy:
            home, work = directory / "home", directory / "work"
            home.mkdir()
            (work / "storage" / "overlay-images").mkdir(parents=True)  # containers-storage as CRI-O leaves it when new
            configuration = home / ".config" / "containers"
            configuration.mkdir(parents=True)
            (configuration / "registries.conf").touch()
            (configuration / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}\n')
            environment = {
                "HOME": str(home),
                # By name, so that this machine's own drop-ins have no say.
                "CONTAINERS_REGISTRIES_CONF": str(configuration / "registries.conf"),
                "CONTAINERS_POLICY_JSON": str(configuration / "policy.json"),
                "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
                "LANG": "C.UTF-8",
                "TMPDIR": str(directory),
                "COLUMNS": "120",
                "HTTPS_PROXY": proxy.url,
                "SSL_CERT_FILE": str(authority.certificate),
                "XDG_RUNTIME_DIR": str(home),
                "PYTHONPATH": str(ROOT),
            }
            yield Stage(work, environment)


def fill(registry: FakeRegistry) -> None:
    """Put there what the pages speak of."""
    app: dict[str, Any] = {
        "platforms": ["linux/amd64", "linux/arm64/v8"],
        "entrypoint": ["/app"],
        "cmd": ["serve"],
        "user": "1000:1000",
        "working_dir": "/srv",
        "env": ["PATH=/usr/bin:/bin", "PORT=8080"],
        "layers": 3,
        "config": {"config": {"ExposedPorts": {"8080/tcp": {}}}},
    }
    for version, created in (("v1", "2025-11-03T09:00:00Z"), ("v2", "2026-02-17T16:30:00Z")):
        labels = {
            "org.opencontainers.image.source": "https://github.com/acme/app",
            "org.opencontainers.image.revision": "4f2c1e9",
            "org.opencontainers.image.version": version,
            "maintainer": "team-blue@acme.example",
        }
        registry.image(f"acme/app:{version}", labels=labels, created=created, **app)
    registry.image("acme/app:latest", labels=labels, created=created, **app)
    registry.image("library/nginx:latest", cmd=["nginx", "-g", "daemon off;"], layers=5)
    registry.image("library/busybox:latest", cmd=["sh"])
    secret: ImageParts = {"encrypted": "kbs:///default/image-key/1", "layers": 5, "user": "1000:1000"}
    secret |= {"entrypoint": ["/entry"], "cmd": ["serve"], "working_dir": "/srv"}
    secret |= {"platforms": ["linux/amd64", "linux/arm64/v8"]}
    registry.image("acme/secret:1.4", **secret)
    subject = f"{registry.host}/acme/app:v1"
    registry.artifact("acme/app:sbom", artifact_type="application/spdx+json", subject=subject)
    signature = "application/vnd.dev.cosign.artifact.sig.v1+json"
    registry.artifact("acme/app:signature", artifact_type=signature, subject=subject)
