"""config.json of each recorded container equals CRI-O's, key by key, order included; or the reason stands here."""

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
    image,
    passwd_and_group,
    recorded,
    sandbox_state,
    settings,
)

FILES = (
    "containers-by-image.json",
    "containers-cgroup1.json",
    "containers-cgroup2.json",
    "containers-other-crio-conf.json",
)
CASES = [(file, name) for file in FILES for name in recorded(file)["cases"]]

UNEQUAL = {
    "group-neg": "CRI-O makes 4294967295 of a run_as_group -1, and runc refuses that; pycoco refuses at once",
    "supp-neg": "the same of a supplementary group -5",
    "r-sharesneg": "CRI-O makes 18446744073709551615 of cpu_shares -1; pycoco refuses",
    "lowercase": "the config's keys are in another case, which pycoco never reads (docs/deviations.md)",
    "sec-img-anno": "CRI-O tried to fetch the seccomp profile that the image names and could not; pycoco fetches none",
    "meta-odd": "conmon on the recording machine exited with 1 for a container's name with a space in it",
    "d-link": "/dev/stdin of the recording machine",
    "dupkeys": "a key stands twice in an object of the config, which pycoco never reads (docs/deviations.md)",
    "user-unknownnum-g": "USER uid:gid of a uid that passwd lacks: CRI-O writes a malformed line; pycoco refuses",
    "image-unknown-group": "the same",
    "sec-rt-caps": "under the other crio.conf, which named no profile: CRI-O wrote its built-in one",
}
"""Where pycoco's answer is not CRI-O's, and why."""
EQUAL = {("containers-cgroup1.json", "sec-rt-caps")}


@pytest.mark.parametrize(("file", "name"), CASES)
def test_config_json(file: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = recorded(file)
    case = recording["cases"][name]
    pod = recording["pods"][case["pod"]]
    theirs = case["crio_config"]
    if theirs is not None:
        RecordingMachine().take_place_of_this_one(monkeypatch, theirs)
    found = list(_compared(file, case, pod, theirs))
    if name in UNEQUAL and (file, name) not in EQUAL:
        assert found, f"equal now, so there is no need for: {UNEQUAL[name]}"
    else:
        assert not found, "\n".join(found)


def _compared(file: str, case: dict[str, Any], pod: dict[str, Any], theirs: dict[str, Any] | None) -> Iterator[str]:
    container_id = case["id"] or "0" * 64
    passwd, group = passwd_and_group(case["image"])
    try:
        made = runtime_config(
            image(case["image"]),
            container=json.dumps(case["container"]),
            sandbox=json.dumps(pod["sandbox"]),
            container_id=container_id,
            settings=settings(recorded(file), case["pod"]),
            sandbox_state=sandbox_state(pod),
            passwd=passwd,
            group=group,
            directory=f"/run/crio-node/runroot/overlay-containers/{container_id}/userdata",
            pin=False,
        )
    except PycocoError as error:
        if theirs is not None:
            yield f"pycoco refuses: {error}"
        return
    if theirs is None:
        yield f"CRI-O refuses: {case.get('crio_error')}"
        return
    kind = {"of_cgroup2": "cgroup2" in file, "of_other_conf": "other" in file}
    own = json.loads(json.dumps(made.config))
    yield from differences(comparable(theirs, **kind), comparable(own, **kind))
    files = {name: content.decode() for name, content in made.files.items()}
    yield from differences(case.get("crio_files") or {}, files, "files")
