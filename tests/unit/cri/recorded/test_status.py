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


UNPACKED = {
    "sha256:eb6b7aa1aea3515942410ec8a880bdb4066099aac9248240854a9ddf55e7b708": 1996800,
}
"""What CRI-O counts of a layer, by its digest."""


def test_the_size_is_that_of_the_unpacked_layers_and_the_documents() -> None:
    """c/storage's Image.Size: of an image without layers it is that of the documents."""
    compared = 0
    for name in set(STATUS) - set(UNEQUAL):
        of = image(name)
        layers = json.loads(of.raw_manifest)["layers"]
        if all(layer["digest"] in UNPACKED for layer in layers):
            unpacked = sum(UNPACKED[layer["digest"]] for layer in layers)
            theirs = int(recorded("status.json")[name]["status"]["size"])
            assert image_status(of).documents_size + unpacked == theirs, name
            compared += 1
    assert compared >= 40
    assert image_status(image("nolayers")).documents_size == int(recorded("status.json")["nolayers"]["status"]["size"])


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
