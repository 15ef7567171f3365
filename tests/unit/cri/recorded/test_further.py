"""config.json of requests that were thought of later, under cgroupfs, under systemd, and under another crio.conf.

They were asked of release 1.37 (65f5ee46, in which what is compared is as in f954a17e) without seccomp; data/README.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pycoco.cri import runtime_config
from pycoco.errors import PycocoError
from tests.unit.cri.recorded.recordings import (
    RecordingMachine,
    comparable,
    differences,
    image_of,
    sandbox_state,
    settings,
    stored,
    with_shared,
)

RECORDED = stored("containers-further.json")
CASES = [(group, name) for group, recording in RECORDED["groups"].items() for name in recording["cases"]]

UNEQUAL: dict[str, str] = {}
"""Where pycoco's answer is not CRI-O's, and why."""


@pytest.mark.parametrize(("group", "name"), CASES)
def test_config_json(group: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = RECORDED["groups"][group]["cases"][name]
    theirs = with_shared(case["crio_config"], RECORDED["shared"])
    RecordingMachine().take_place_of_this_one(monkeypatch, theirs or {"linux": {}})
    found = list(_compared(group, case, theirs))
    if name in UNEQUAL:
        assert found, f"equal now, so there is no need for: {UNEQUAL[name]}"
    else:
        assert not found, "\n".join(found)


def _compared(group: str, case: dict[str, Any], theirs: dict[str, Any] | None) -> Iterator[str]:
    recording = RECORDED["groups"][group]
    pod = recording["pods"][case["pod"]]
    container_id = case["id"] or "0" * 64
    of = RECORDED["images"][case["image"]]
    try:
        made = runtime_config(
            image_of(of),
            container=json.dumps(case["container"]),
            sandbox=json.dumps(pod["sandbox"]),
            container_id=container_id,
            settings=settings(recording, case["pod"]),
            sandbox_state=sandbox_state(pod),
            passwd=of["passwd"].encode(),
            group=of["group"].encode(),
            directory=f"/run/crio-node/runroot/overlay-containers/{container_id}/userdata",
            pin=False,
        )
    except PycocoError as error:
        if theirs is not None:
            yield f"pycoco refuses: {error}"
        return
    if theirs is None:
        yield f"CRI-O refuses: {case['crio_error']}"
        return
    own = json.loads(json.dumps(made.config))
    own["linux"].pop("seccomp", None)
    own["annotations"].pop("io.kubernetes.cri-o.SeccompProfilePath")
    kind = {"of_cgroup2": group == "other", "of_other_conf": group == "other"}
    yield from differences(comparable(theirs, **kind), comparable(own, **kind))
    files = {name: content.decode() for name, content in made.files.items()}
    yield from differences(case["crio_files"], files, "files")
