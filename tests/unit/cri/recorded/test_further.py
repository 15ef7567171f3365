"""config.json of requests that were thought of later, under cgroupfs, under systemd, and under another crio.conf.

They were asked of release 1.37 (65f5ee46, in which what is compared is as in f954a17e) without seccomp; data/README.md.
"""

from __future__ import annotations

import pytest

from tests.unit.cri.recorded.recordings import (
    Asked,
    RecordingMachine,
    differences_of,
    image_of,
    settings,
    stored,
    with_shared,
)

RECORDED = stored("containers-further.json")
CASES = [(group, name) for group, recording in RECORDED["groups"].items() for name in recording["cases"]]


@pytest.mark.parametrize(("group", "name"), CASES)
def test_config_json(group: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = RECORDED["groups"][group]
    case = recording["cases"][name]
    of = RECORDED["images"][case["image"]]
    theirs = with_shared(case["crio_config"], RECORDED["shared"])
    RecordingMachine().take_place_of_this_one(monkeypatch, theirs or {"linux": {}})
    asked = Asked(
        image_of(of),
        of["passwd"].encode(),
        of["group"].encode(),
        settings(recording, case["pod"]),
        of_cgroup2=group == "other",
        of_other_conf=group == "other",
        with_seccomp=False,
    )
    found = list(differences_of(case, recording["pods"][case["pod"]], asked, theirs))
    assert not found, "\n".join(found)
