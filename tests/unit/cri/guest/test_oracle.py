"""guest_agreement beside what the guest's own crates, oci-client and oci-spec, say of the same images.

Keys are not theirs to judge: see test_key_packets.py.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pytest

import pycoco
from pycoco.cri import guest_agreement
from pycoco.documents import platforms
from pycoco.errors import PycocoError
from tests.support.media_types import OCI_INDEX
from tests.support.rust import build_rust_program
from tests.support.scripted_registry import ScriptedRegistry
from tests.support.tools import BUILD_TIMEOUT, ROOT
from tests.unit.cri.guest.guest_images import (
    RIGHT_CONFIG,
    GuestImage,
    GuestRegistry,
    an_index,
    one_image,
    random_images,
)

SEED = 20261125
IMAGES = 3600
HERE = platforms.machine().architecture


@pytest.fixture(scope="module")
def oracle() -> Any:
    return build_rust_program(ROOT / "tests" / "guest_oracle")


def answers(oracle: Any, references: Iterable[str]) -> Iterator[dict[str, str]]:
    done = subprocess.run(
        [oracle], input="\n".join(references) + "\n", capture_output=True, text=True, timeout=240, check=True
    )
    return map(json.loads, done.stdout.splitlines())


def differences(images: Mapping[str, GuestImage], oracle: Any) -> tuple[Counter[str], list[str]]:
    """Compare both on each image that the host can read. Return how many there were of each kind, and what differs."""
    counts: Counter[str] = Counter()
    found = []
    with ScriptedRegistry(GuestRegistry(images)) as registry:
        references = {name: f"{registry.host}/{name}:v1" for name in images}
        of_guest = dict(zip(images, answers(oracle, references.values()), strict=True))
        with pycoco.Client(backend="python", tls_verify=False, nested_indexes=1) as client:
            for name, reference in references.items():
                guest = of_guest[name]
                try:
                    image = client.inspect(reference)
                    agreement = guest_agreement(image)
                except PycocoError:
                    counts["the host refuses"] += 1
                    continue
                host = image.instance_digest or image.digest
                agrees = not guest["stage"] and guest["digest"] == host
                counts["agrees" if agrees else guest["stage"] or "another instance"] += 1
                says = agreement.guest_digest
                problems = [one for one in agreement.problems if "cannot get the key" not in one]
                if (not problems) != agrees or (guest["digest"] and says != guest["digest"]):
                    found.append(f"{name}: the guest {guest}; pycoco {says} {agreement.problems}")
    return counts, found


@pytest.mark.timeout(BUILD_TIMEOUT + 300)
def test_random_images(oracle: Any) -> None:
    images = {f"image{at}": image for at, image in enumerate(random_images(SEED, IMAGES, HERE))}
    counts, found = differences(images, oracle)
    assert not found, "\n".join(found[:20])
    assert counts.total() - counts["the host refuses"] >= 2000
    assert counts["agrees"] >= 800
    assert min(counts[kind] for kind in ("manifest", "config", "diff_ids", "layer", "os", "another instance")) >= 10


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
HAND_MADE = {
    "right": one_image(),
    "config-of-another-architecture": one_image(config={"architecture": "mips"}),
    "config-without-os": one_image(without=("config.os",)),
    "config-os-empty": one_image(config={"os": ""}),
    "config-os-in-capitals": one_image(config={"os": "Linux"}),
    "config-os-windows": one_image(config={"os": "windows"}),
    "config-without-architecture": one_image(without=("config.architecture",)),
    "config-architecture-unheard-of": one_image(config={"architecture": "q"}),
    "config-without-rootfs": one_image(without=("config.rootfs",)),
    "config-without-type": one_image(config={"rootfs": {"diff_ids": RIGHT_CONFIG["rootfs"]["diff_ids"]}}),
    "config-another-type": one_image(config={"rootfs": RIGHT_CONFIG["rootfs"] | {"type": "other"}}),
    "config-without-diff-ids": one_image(config={"rootfs": {"type": "layers"}}),
    "config-diff-ids-null": one_image(config={"rootfs": {"type": "layers", "diff_ids": None}}),
    "config-two-diff-ids": one_image(config={"rootfs": {"type": "layers", "diff_ids": ["sha256:1", "sha256:2"]}}),
    "config-odd-diff-id": one_image(config={"rootfs": {"type": "layers", "diff_ids": ["md5:1"]}}),
    "config-null": one_image(config={"config": None}),
    "config-env-null": one_image(config={"config": {"Cmd": ["/x"], "Env": [None]}}),
    "config-cmd-null": one_image(config={"config": {"Cmd": None, "Entrypoint": ["/x"]}}),
    "config-label-null": one_image(config={"config": {"Cmd": ["/x"], "Labels": {"a": None}}}),
    "config-volume-null": one_image(config={"config": {"Cmd": ["/x"], "Volumes": {"/v": None}}}),
    "config-volume-full": one_image(config={"config": {"Cmd": ["/x"], "Volumes": {"/v": {"a": 1}}}}),
    "config-step-null": one_image(config={"history": [None]}),
    "config-features-null": one_image(config={"os.features": [None]}),
    "config-nested-unknown": one_image(config={"x": nested(150)}),
    "manifest-without-media-type": one_image(without=("manifest.mediaType",)),
    "manifest-media-type-null": one_image(manifest={"mediaType": None}),
    "manifest-without-version": one_image(without=("manifest.schemaVersion",)),
    "manifest-layers-null": one_image(manifest={"layers": None}),
    "manifest-annotation-null": one_image(manifest={"annotations": {"a": None}}),
    "manifest-annotations-null": one_image(manifest={"annotations": None}),
    "manifest-subject-empty": one_image(manifest={"subject": {}}),
    "manifest-of-docker": one_image(manifest={"mediaType": DOCKER_MANIFEST}),
    "manifest-nested-126": one_image(manifest={"x": nested(126)}),
    "manifest-nested-127": one_image(manifest={"x": nested(127)}),
    "manifest-nested-128": one_image(manifest={"x": nested(128)}),
    "manifest-with-a-number-of-more-than-64-bits": one_image(manifest={"x": 2**70}),
    "layer-without-size": one_image(without=("layer.size",)),
    "layer-size-null": one_image(layer={"size": None}),
    "layer-size-negative": one_image(layer={"size": -1}),
    "layer-without-media-type": one_image(without=("layer.mediaType",)),
    "layer-media-type-empty": one_image(layer={"mediaType": ""}),
    "layer-annotation-null": one_image(layer={"annotations": {"a": None}}),
    "layer-urls-null": one_image(layer={"urls": [None]}),
    "layer-nydus": one_image(layer={"mediaType": "application/vnd.oci.image.layer.nydus.blob.v1"}),
    "layer-foreign": one_image(layer={"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"}),
    "layer-of-docker-plain": one_image(layer={"mediaType": "application/vnd.docker.image.rootfs.diff.tar"}),
    "layer-of-docker-zstd": one_image(layer={"mediaType": "application/vnd.docker.image.rootfs.diff.tar.zstd"}),
    "index": an_index(HERE),
    "index-first-of-two": an_index(HERE, {"platform": {"os": "linux", "architecture": HERE, "variant": "v9"}}),
    "index-platform-null": an_index(HERE, {"platform": None}),
    "index-platform-empty": an_index(HERE, {"platform": {}}),
    "index-platform-without-os": an_index(HERE, {"platform": {"architecture": HERE}}),
    "index-platform-os-null": an_index(HERE, {"platform": {"os": None, "architecture": HERE}}),
    "index-platform-more": an_index(HERE, {"platform": {"os": "linux", "architecture": "mips", "features": [None]}}),
    "index-size-null": an_index(HERE, {"size": None}),
    "index-media-type-null": an_index(HERE, {"mediaType": None}),
    "index-annotation-null": an_index(HERE, {"annotations": {"a": None}}),
    "index-nested": an_index(HERE, {"platform": {"os": "linux", "architecture": "x"}}, {"mediaType": OCI_INDEX}),
    "index-annotations-of-its-own-null": an_index(HERE, annotations={"a": None}),
}


@pytest.mark.timeout(BUILD_TIMEOUT + 60)
def test_hand_made_images(oracle: Any) -> None:
    counts, found = differences(HAND_MADE, oracle)
    assert not found, "\n".join(found)
    assert counts["agrees"] >= 8
    assert counts.total() - counts["the host refuses"] >= 45
