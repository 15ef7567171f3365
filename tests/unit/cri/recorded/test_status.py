"""`crictl inspecti` of each recorded image, but for the size, which only who has unpacked the layers knows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from pycoco.cri import image_status
from pycoco.errors import PycocoError
from tests.unit.cri.recorded.recordings import RecordedImage, differences, image, recorded

STATUS = list(recorded("status.json"))
ODD = list(recorded("status-odd.json"))

UNEQUAL = {
    "lowercase": "the config's keys are in another case, which pycoco never reads (docs/deviations.md)",
    "dupkeys": "a key stands twice in an object of the config, which pycoco never reads (docs/deviations.md)",
    "surrogate": "the config escapes half a surrogate pair, which pycoco never reads (docs/deviations.md)",
    "rootfs-baddiff": "CRI-O unpacked the layer and saw that it is not the one of the config's diff_id",
}
"""Where pycoco's answer is not CRI-O's, and why."""


def check(name: str, of: RecordedImage, theirs: dict[str, Any] | None) -> None:
    found = list(_compared(of, theirs))
    if name in UNEQUAL:
        assert found, f"equal now, so there is no need for: {UNEQUAL[name]}"
    else:
        assert not found, "\n".join(found)


def _compared(of: RecordedImage, theirs: dict[str, Any] | None) -> Iterator[str]:
    try:
        own = json.loads(image_status(of).to_json())
    except PycocoError as error:
        if theirs is not None:
            yield f"pycoco refuses: {error}"
        return
    if theirs is None:
        yield "CRI-O cannot use the image, and pycoco reports it"
        return
    yield from (line for line in differences(theirs, own) if not line.startswith("status.size:"))


@pytest.mark.parametrize("name", STATUS)
def test_an_image(name: str) -> None:
    check(name, image(name), recorded("status.json")[name])


@pytest.mark.parametrize("name", ODD)
def test_an_odd_image(name: str) -> None:
    check(name, image(name, "odd"), recorded("status-odd.json")[name]["inspecti"])


INDEX = "127.0.0.1:5077/t/ix@" + image("ix").digest
INSTANCE = "127.0.0.1:5077/t/ix@" + image("ix").instance_digest


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("digest-instance", INSTANCE),
        ("tag@index", INDEX),
        ("tag@instance", INSTANCE),
        ("short-digest", INDEX),
        ("mirror-prefix-digest", INDEX.replace("127.0.0.1:5077/t", "mirrored.example/x")),
        ("notag", "127.0.0.1:5077/t/ix:latest"),
    ],
)
def test_an_image_asked_for_in_another_way(name: str, reference: str) -> None:
    """`reference` is what a backend makes of the one that was asked for: see the parity tests."""
    repository, _, digest = reference.removesuffix(":latest").partition("@")
    index_digest = image("ix").digest
    changes: dict[str, Any] = {"reference": reference, "pinned": f"{repository}@{digest or index_digest}"}
    if reference == INSTANCE:  # then no index was read
        changes |= {"digest": digest, "instance_digest": "", "raw_index": None}
    check(name, image("ix", **changes), recorded("references.json")[name]["inspecti"])
