"""config.json against `umoci raw runtime-config` on the same images, in what both take from the image.

umoci makes no CRI-O container: mounts, capabilities, namespaces and CRI-O's annotations are not compared, nor a
user's supplementary groups, which CRI-O writes and umoci does not. Of the environment what counts is compared: CRI-O's
list may have a variable twice, and the last one counts.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pycoco.cri import runtime_config
from pycoco.image import Image
from pycoco.layout import save
from tests.support.tools import require_tool
from tests.unit.cri import samples

CONFIGS: list[dict[str, Any]] = [
    {},
    {"Entrypoint": ["/entry"], "Cmd": ["serve", "--all"]},
    {"Entrypoint": ["/entry"], "Cmd": None},
    {"Entrypoint": [], "Cmd": ["only", "cmd"]},
    {"Env": ["A=1", "B=", "C=x=y"]},
    {"Env": ["PATH=/own/bin", "TERM=dumb"]},
    {"Env": ["A=1", "A=2"]},
    {"User": "1000"},
    {"User": "1000:2000"},
    {"User": "0:5"},
    {"User": ":7"},
    {"WorkingDir": "/srv/app"},
    {"WorkingDir": "relative"},
    {"Volumes": {"/data": {}, "/a/b": {}}},
    {"StopSignal": "SIGINT"},
    {"StopSignal": "SIGRTMIN+3"},
    {"Labels": {"a": "b"}, "ExposedPorts": {"80/tcp": {}}},
    {
        "User": "5:6",
        "Env": ["PATH=/x", "HOME=/h"],
        "Entrypoint": ["/e"],
        "Cmd": ["c"],
        "WorkingDir": "/w",
        "Volumes": {"/v": {}},
        "StopSignal": "9",
    },
]


def of_umoci(image: Image, directory: Path) -> dict[str, Any]:
    umoci = require_tool("umoci")
    save(image, directory / "layout", reference="v1")
    output = directory / "umoci.json"
    command = [umoci, "raw", "runtime-config", "--image", f"{directory}/layout:v1", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(output.read_text())
    return found


def effective(environment: list[str]) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in environment)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: json.dumps(config)[:60])
def test_the_same_in_what_both_take_from_the_image(tmp_path: Path, config: dict[str, Any]) -> None:
    image = samples.image(config, annotations={"not": "used"})
    theirs = of_umoci(image, tmp_path)
    result = runtime_config(image, container_id="c1")
    ours = result.config
    for name in ("args", "cwd"):
        assert ours["process"][name] == theirs["process"][name]
    for name in ("uid", "gid"):
        assert ours["process"]["user"][name] == theirs["process"]["user"][name]
    assert effective(ours["process"]["env"]) == effective(theirs["process"]["env"]) | {"HOSTNAME": "c1"}
    volumes = {entry["destination"] for entry in theirs["mounts"] if entry["source"] == "none"}
    assert volumes <= set(result.rootfs_directories)
    assert volumes == set(config.get("Volumes", {}))
    name = "org.opencontainers.image.stopSignal"
    # Of no signal at all umoci makes an empty annotation, and CRI-O none (container.go:316).
    assert ours["annotations"].get(name, "") == theirs["annotations"][name]
    defaults = [entry["destination"] for entry in ours["mounts"]]
    assert defaults == [entry["destination"] for entry in theirs["mounts"] if entry["source"] != "none"]
