"""What holds of every image that can be read, however odd its documents: it comes back whole from each of its forms.

It is not for which documents can be read (see tests/parity). Each test's first line is the property.
"""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timezone
from typing import Any

from hypothesis import given, settings

from pycoco.backends.contract import Fetched
from pycoco.documents import digest as digests
from pycoco.documents import image_config, manifest, media_types, schema1
from pycoco.errors import PycocoError
from pycoco.image import Image
from tests.strategies import image_configs, indexes, manifests
from tests.strategies.choices import Choices, Drawn
from tests.support.media_types import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from tests.unit.test_image import CONFIG, INDEX, MANIFEST

bounded = settings(max_examples=300, derandomize=True, deadline=None, database=None)

INDEXES = media_types.INDEXES
_HEALTH: tuple[dict[str, Any], ...] = (
    {},
    {"Test": ["CMD", "true"], "Interval": 2**63 - 1, "Timeout": -(2**53) - 1, "Retries": 3},
    {"Interval": 1},
)


@dataclass(frozen=True)
class Document:
    """Bytes that a backend would read, and the type that they count as."""

    media_type: str
    body: bytes

    @property
    def digest(self) -> str:
        return digests.of(self.body)


def _is_usable(document: Document) -> bool:
    """Whether a backend would read it."""
    try:
        if document.media_type == OCI_CONFIG:
            image_config.check(document.body, OCI_MANIFEST, OCI_CONFIG)
        elif document.media_type in media_types.MANIFESTS:
            read = manifest.parse(document.body, document.media_type)
            if document.media_type in media_types.SCHEMA1_TYPES:
                image_config.check(schema1.image_config(read.document), document.media_type, "")
        else:
            return False
    except PycocoError:
        return False
    return True


def _usable(draw: Callable[[], Document], plain: Document) -> Document:
    """The first of a few that were drawn that can be read, or else the plain one."""
    return next(filter(_is_usable, (draw() for _ in range(4))), plain)


def _image(choices: Choices) -> Image:
    def config() -> Document:
        body = image_configs.build(choices)
        health = json.dumps(choices.pick(_HEALTH)).encode()
        return Document(OCI_CONFIG, body.replace(b'"Cmd"', b'"Healthcheck":' + health + b',"Cmd"', 1))

    def single() -> Document:
        served = manifests.build(choices)
        media_type = media_types.effective(choices.pick(served.readings)[0])
        return Document(media_type if media_type not in INDEXES else "", served.document)

    def index() -> Document:
        drawn = indexes.build(choices)
        media_type = media_types.effective(drawn.content_type)
        return Document(media_type if media_type in INDEXES else OCI_INDEX, drawn.document)

    read = _usable(single, Document(OCI_MANIFEST, MANIFEST))
    own = _usable(config, Document(OCI_CONFIG, CONFIG))
    top = _usable(index, Document(OCI_INDEX, INDEX)) if choices.chance(2) else read
    old = read.media_type in media_types.SCHEMA1_TYPES
    fetched = Fetched(
        reference="registry.example/team/app:v1",
        pull_source="mirror.example/app:v1",
        digest=top.digest,
        media_type=top.media_type,
        top_manifest=top.body,
        instance_digest=read.digest if top is not read else "",
        instance_media_type=read.media_type if top is not read else "",
        instance_manifest=read.body if top is not read else b"",
        config_digest="" if old else own.digest,
        config=b"" if old else own.body,
        policy=choices.pick(("", "allowed")),
    )
    return Image.from_fetched(fetched, "app:v1")


images = Drawn(_image, 2000).strategy


@bounded
@given(image=images)
def test_its_json_form_makes_the_same_image(image: Image) -> None:
    """An image of an image's JSON form is equal to it, says the same and has the same JSON form."""
    document = json.loads(json.dumps(image.to_dict()))
    again = Image.from_dict(document)
    assert (again, hash(again), again.to_dict()) == (image, hash(image), document)
    assert (again.manifest, again.index, again.platform) == (image.manifest, image.index, image.platform)
    assert (again.created, again.env, again.labels) == (image.created, image.env, image.labels)


@bounded
@given(image=images)
def test_copies_are_the_same(image: Image) -> None:
    """A pickled image, a copied one, and one of the JSON form that was pickled, are the same."""
    for one in (image, Image.from_dict(image.to_dict())):
        for other in (pickle.loads(pickle.dumps(one)), copy.copy(one), copy.deepcopy(one)):
            assert (other, hash(other), other.to_dict()) == (one, hash(one), one.to_dict())


@bounded
@given(image=images)
def test_a_time_is_one_in_every_zone(image: Image) -> None:
    """When an image was made is None or a time that any table can hold in UTC."""
    created = image.created
    assert created is None or created.astimezone(timezone.utc) == created
