"""config.json of each recorded container equals CRI-O's, key by key, order included; or the reason stands here."""

from __future__ import annotations

import pytest

from tests.unit.cri.recorded.recordings import (
    Asked,
    RecordingMachine,
    differences_of,
    image,
    passwd_and_group,
    recorded,
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
    asked = Asked(
        image(case["image"]),
        *passwd_and_group(case["image"]),
        settings(recording, case["pod"]),
        of_cgroup2="cgroup2" in file,
        of_other_conf="other" in file,
    )
    found = list(differences_of(case, pod, asked, theirs))
    if name in UNEQUAL and (file, name) not in EQUAL:
        assert found, f"equal now, so there is no need for: {UNEQUAL[name]}"
    else:
        assert not found, "\n".join(found)
