"""The main job with real parts: an encrypted multi-arch image in a real registry, read through Go and through Python.

`make demo` runs it with the virtual environment that pycoco is installed in. It is not a test of details: it shows what
pycoco does, step by step, and fails when the two backends differ or when a layer was asked for.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[2]))  # for `tests`; pycoco itself is the installed command

from tests.support.images import PLATFORMS, BuiltImages, build_images, demo_image
from tests.support.registry import Registry, RegistryError
from tests.support.tools import ToolError, build_tool

PYCOCO = Path(sys.executable).parent / "pycoco"
BACKENDS = ("go", "python")
REPOSITORY = "acme/secret"
TAG = "1.4"
COMMAND_TIMEOUT = 60


class DemoError(Exception):
    """Something is not as it should be; the message says what."""


@dataclass
class Steps:
    """Print numbered steps and what belongs to each."""

    count: int = field(default=0)

    def step(self, title: str) -> None:
        self.count += 1
        self.line(f"\n{self.count}. {title}", indent="")

    def line(self, text: str, indent: str = "   ") -> None:
        print("\n".join(indent + line for line in text.splitlines()), flush=True)


def main() -> int:
    """Run the demonstration and return its exit status."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        run(Steps())
    except (DemoError, ToolError, RegistryError) as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; nothing is left running.", file=sys.stderr)
        return 130
    return 0


def _end(number: int, frame: FrameType | None) -> None:
    # An exception, so that every `with` block ends what it started.
    raise SystemExit(128 + number)


def run(steps: Steps) -> None:
    """The steps, in order."""
    if not PYCOCO.exists():
        raise DemoError(f"{PYCOCO} is not installed; run `make demo`, which installs it.")
    steps.step("Get the tools: CNCF distribution's registry, and a small program that encrypts images with ocicrypt")
    imagetool, program = build_tool("imagetool", steps.line), build_tool("registry", steps.line)

    steps.step("Start the registry on a free loopback port")
    with tempfile.TemporaryDirectory(prefix="pycoco-demo-") as directory, Registry(program=program) as registry:
        steps.line(f"{registry.url}  (process {registry.pid})")

        steps.step("Push a multi-arch image whose layers are encrypted by ocicrypt")
        built = build_images(imagetool, Path(directory), {"demo": demo_image()})
        registry.push(built, "demo", REPOSITORY, TAG)
        reference = registry.reference(REPOSITORY, TAG)
        show_image(steps, reference, built)

        logs = {}
        for backend in BACKENDS:
            steps.step(f"Inspect it with the {backend} backend")
            registry.clear_requests()
            steps.line(pycoco(steps, "inspect", "--backend", backend, reference, "--tls-verify=false").decode())
            logs[backend] = registry.log_lines

        steps.step("Compare the two, for every platform")
        inspected = {platform: compare(steps, reference, platform) for platform in PLATFORMS}
        compare_bytes(steps, reference, PLATFORMS[0], inspected[PLATFORMS[0]])

        steps.step("Which layers are encrypted, for whom")
        for platform in PLATFORMS:
            show_encryption(steps, platform, inspected[platform])

        steps.step("What the registry was asked for: its own access log of the two inspects")
        for backend in BACKENDS:
            show_log(steps, backend, logs[backend], built)
        check_no_layer([*logs[BACKENDS[0]], *registry.log_lines], built)
        steps.line("No layer was asked for, by any of the commands above.")
    steps.line("\nDone. The registry has ended; nothing is left running.", indent="")


def pycoco(steps: Steps | None, *arguments: str) -> bytes:
    """Run the installed pycoco, shown as it would be typed when there are `steps`, and return what it printed."""
    if steps:
        steps.line(f"$ {shlex.join(['pycoco', *arguments])}")
    try:
        done = subprocess.run([PYCOCO, *arguments], capture_output=True, timeout=COMMAND_TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise DemoError(f"pycoco {shlex.join(arguments)} took more than {COMMAND_TIMEOUT} s.") from error
    if done.returncode:
        message = done.stderr.decode(errors="replace").strip()
        raise DemoError(f"pycoco {shlex.join(arguments)} exited with {done.returncode}: {message}")
    return done.stdout


def show_image(steps: Steps, reference: str, built: BuiltImages) -> None:
    """What was pushed, as the image tool tells it."""
    index = built.images["demo"]
    steps.line(f"{reference}  {short(index['digest'])}")
    for manifest in index["manifests"]:
        encrypted = sum(layer["mediaType"].endswith("+encrypted") for layer in manifest["layers"])
        what = f"{encrypted} of {len(manifest['layers'])} layers encrypted" if encrypted else "buildx's attestation"
        steps.line(f"  {platform_of(manifest):16} {short(manifest['digest'])}  {what}")


def compare(steps: Steps, reference: str, platform: str) -> dict[str, Any]:
    """Compare what both backends say about one platform and return it."""
    go, python = (
        json.loads(pycoco(None, "inspect", "--json", "--backend", backend, reference, *for_platform(platform)))
        for backend in BACKENDS
    )
    if go != python:
        different = sorted(key for key in go.keys() | python.keys() if go.get(key) != python.get(key))
        raise DemoError(f"the backends disagree about {reference} for {platform}: {', '.join(different)}.")
    steps.line(f"{platform:16} the same JSON from both, manifest {short(go['instance_digest'])}")
    return dict(go)


def compare_bytes(steps: Steps, reference: str, platform: str, inspected: dict[str, Any]) -> None:
    """Compare the very bytes, with each other and with the digests they must have."""
    documents = {"digest": ["manifest", "--list"], "instance_digest": ["manifest"], "config_digest": ["config"]}
    for name, command in documents.items():
        go, python = (
            pycoco(None, *command, "--backend", backend, reference, *for_platform(platform)) for backend in BACKENDS
        )
        digest = "sha256:" + hashlib.sha256(go).hexdigest()
        if go != python or digest != inspected[name]:
            raise DemoError(f"`pycoco {' '.join(command)}` of {reference} differs between the backends.")
        steps.line(f"{platform:16} the same {len(go)} bytes from `pycoco {' '.join(command)}`, {short(digest)}")


def for_platform(platform: str) -> list[str]:
    """The options of every comparison."""
    return ["--tls-verify=false", "--platform", platform]


def show_encryption(steps: Steps, platform: str, inspected: dict[str, Any]) -> None:
    """Each layer with the protocols its key is wrapped for."""
    steps.line(platform)
    for layer in inspected["layers"]:
        if not layer["encrypted"]:
            raise DemoError(f"pycoco says that layer {layer['digest']} is not encrypted, but it is.")
        steps.line(f"  {short(layer['digest'])}  {describe_encryption(layer['encryption'])}")


def describe_encryption(encryption: dict[str, Any]) -> str:
    """Each protocol with its keys' ids where there are any, the cipher, and whether a CoCo guest takes the type."""
    recipients = []
    for recipient in encryption["recipients"]:
        key_id = recipient["key_id"]
        recipients.append(f"{recipient['protocol']} {key_id}" if key_id else recipient["protocol"])
    guest = "" if encryption["guest_can_decrypt"] else "; a CoCo guest cannot decrypt this type"
    return f"{', '.join(recipients)}  ({encryption['cipher']}){guest}"


def show_log(steps: Steps, backend: str, lines: list[str], built: BuiltImages) -> None:
    """The registry's own lines, and that they are manifests and one config."""
    steps.line(f"{backend}:")
    for line in lines:
        steps.line(f"  {line}")
    configs = {manifest["config"]["digest"] for manifest in built.images["demo"]["manifests"]}
    manifests = [line for line in lines if "/manifests/" in line]
    blobs = [line for line in lines if "/blobs/" in line]
    if len(manifests) != 2 or len(blobs) != 1 or not any(digest in blobs[0] for digest in configs):
        raise DemoError(f"the {backend} backend did not ask for one index, one manifest and one config.")
    steps.line("  so: the index, the manifest chosen from it, and one blob, the config")
    steps.line("")


def check_no_layer(lines: list[str], built: BuiltImages) -> None:
    """Fail when one of these lines of the log asks for a layer."""
    layers = {layer["digest"] for manifest in built.images["demo"]["manifests"] for layer in manifest["layers"]}
    for line in lines:
        if any(digest in line for digest in layers):
            raise DemoError(f"a layer was asked for: {line}")


def platform_of(manifest: dict[str, Any]) -> str:
    """The platform as os/architecture/variant."""
    fields = manifest["platform"]
    return "/".join(filter(None, (fields.get("os"), fields.get("architecture"), fields.get("variant"))))


def short(digest: str) -> str:
    """A digest as far as a reader compares it."""
    return digest[:15] + "…"


if __name__ == "__main__":
    sys.exit(main())
