"""What contrib/ deploys fits the command that it starts, and itself."""

from __future__ import annotations

import re
import shlex

from pycoco.cli.grammar import parse
from pycoco.node.crio_config import CRIO_ENDPOINT, parse_crio_config
from pycoco.node.service.server import LISTEN_ENDPOINT
from tests.support.tools import ROOT

CONTRIB = ROOT / "contrib"


def settings(path: str) -> dict[str, str]:
    """The last value of each NAME=VALUE line."""
    lines = (CONTRIB / path).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"[A-Za-z_]+=", line))


def test_the_unit_starts_a_command_that_exists() -> None:
    unit, options = settings("systemd/pycoco-image.service"), settings("systemd/image.env")["PYCOCO_OPTIONS"]
    program, *arguments = shlex.split(unit["ExecStart"].replace("$PYCOCO_OPTIONS", options))

    parsed = parse(arguments)

    assert program == "/usr/bin/pycoco"
    assert parsed.command == "serve"
    assert parsed.handler == ["kata-qemu-coco-dev"]
    assert f"u {parsed.worker_user} " in (CONTRIB / "systemd" / "pycoco.sysusers").read_text()
    assert float(unit["TimeoutStopSec"]) > parsed.grace
    assert unit["KillMode"] == "mixed"  # or the pulls under way lose the processes that read for them
    assert LISTEN_ENDPOINT.startswith(f"unix:///run/{unit['RuntimeDirectory']}/")


def test_the_kubelet_and_crio_mean_the_same_sockets_and_handler() -> None:
    kubelet = (CONTRIB / "kubelet" / "90-pycoco.conf").read_text()
    handler = parse(["serve", *shlex.split(settings("systemd/image.env")["PYCOCO_OPTIONS"])]).handler[0]

    assert f"imageServiceEndpoint: {LISTEN_ENDPOINT}\n" in kubelet
    assert f"containerRuntimeEndpoint: {CRIO_ENDPOINT}\n" in kubelet
    drop_in = (CONTRIB / "crio" / "90-pycoco.conf").read_bytes()
    assert f"[crio.runtime.runtimes.{handler}]".encode() in drop_in
    parse_crio_config(b'[crio]\nroot = "/r"\nstorage_driver = "overlay"\n' + drop_in, "the drop-in")


def test_the_container_starts_the_same_command() -> None:
    (entry,) = re.findall(r"(?m)^ENTRYPOINT (\[.*\])$", (CONTRIB / "Containerfile").read_text())
    arguments = re.findall(r'"([^"]*)"', entry)[1:]

    assert parse([*arguments, "--handler", "kata"]).worker_user == "pycoco"
