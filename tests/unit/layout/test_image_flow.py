"""From a local place through the flow that reads any image, to an Image, a saved layout, and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from pycoco.backends.contract import Fetched
from pycoco.configuration.reference import parse_reference
from pycoco.documents.read_image import Need, read_image
from pycoco.documents.values import RequestedPlatform
from pycoco.image import Image
from pycoco.layout import Store, open_source, save
from tests.support.images import BuiltImages

SINGLE_OR_INDEX = ["encrypted", "plain", "docker-list", "single-oci", "single-docker", "single-no-media-type"]


def fetch(reference: str, store: Store | None = None) -> Image:
    parsed = parse_reference(reference)
    flow = read_image("", RequestedPlatform("linux", "amd64"), known=store.get if store is not None else None)
    with open_source(parsed) as source:
        need = next(flow)
        while True:
            try:
                need = flow.send(source.read(need))
            except StopIteration as done:
                found = done.value
                break
    return Image.from_fetched(Fetched.of(found, parsed.text, parsed.text), reference)


def position(built: BuiltImages, name: str) -> str:
    """The reference of one of the built images, by its place in the layout that imagetool wrote."""
    for number in range(100):
        image_reference = f"oci:{built.layout}:@{number}"
        with open_source(parse_reference(image_reference)) as source:
            if source.read(Need("top", "")).body == built.blob(built.images[name]["digest"]):
                return image_reference
    raise LookupError(name)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", SINGLE_OR_INDEX)
def test_read_save_and_read_again(built_images: BuiltImages, tmp_path: Path, name: str) -> None:
    image = fetch(position(built_images, name))
    assert image.digest == built_images.images[name]["digest"]
    save(image, tmp_path, reference="quay.io/acme/app:v1")
    again = fetch(f"oci:{tmp_path}:quay.io/acme/app:v1")
    for attribute in ("digest", "media_type", "instance_digest", "raw_index", "raw_manifest", "raw_config", "layers"):
        assert getattr(again, attribute) == getattr(image, attribute)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", SINGLE_OR_INDEX)
def test_the_store_answers_for_what_is_pinned(built_images: BuiltImages, tmp_path: Path, name: str) -> None:
    image = fetch(position(built_images, name))
    store = Store(tmp_path)
    assert store.put_image(image, "quay.io/acme/app:v1")
    flow = read_image(image.digest, RequestedPlatform("linux", "amd64"), known=store.get)
    with pytest.raises(StopIteration) as finished:
        next(flow)  # it needs nothing from anywhere else
    assert finished.value.value.config == image.raw_config
    assert finished.value.value.media_type == image.media_type
