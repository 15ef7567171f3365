"""Images as a guest may meet them: right, odd and wrong ones, and the registry that has them.

It is not for images that a host would refuse anyway, though some are: whoever uses these asks pycoco first.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.media_types import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from tests.support.scripted_registry import Answer, Request
from tests.unit.cri.guest.keys import keys_for
from tests.unit.cri.samples import digest_of, raw

AGENT = "org.opencontainers.image.enc.keys.provider.attestation-agent"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
GOOD_LAYERS = (
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
)
OTHER_LAYERS = (
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.oci.image.layer.v1.tar+zstd+encrypted",
    "application/vnd.oci.image.layer.nydus.blob.v1",
    "application/vnd.in-toto+json",
    "application/vnd.oci.image.layer.v1.tar+gzip+ENCRYPTED",
)


@dataclass
class GuestImage:
    """The documents of one image by digest; `top` is what its tag names."""

    top: bytes = b""
    documents: dict[str, bytes] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)

    def add(self, document: Any, media_type: str) -> dict[str, Any]:
        """Add a document; return its descriptor."""
        data = raw(document)
        self.documents[digest_of(data)] = data
        self.types[digest_of(data)] = media_type
        return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}


class GuestRegistry:
    """A script for ScriptedRegistry: each image is a repository of its name, with the one tag "v1"."""

    def __init__(self, images: Mapping[str, GuestImage]) -> None:
        self._images = images

    def __call__(self, request: Request) -> Answer:
        _, _, name, kind, what = (*request.path.split("/", 4), "", "", "")[:5]
        image = self._images.get(name)
        if image is None:
            return Answer(headers=[("Content-Type", "application/json")], body=b"{}")
        data = image.top if what == "v1" else image.documents.get(what)
        if data is None:
            return Answer(404)
        media_type = image.types[digest_of(data)] if kind == "manifests" else "application/octet-stream"
        return Answer(headers=[("Content-Type", media_type)], body=data)


def one_image(
    *,
    config: Mapping[str, Any] | None = None,
    manifest: Mapping[str, Any] | None = None,
    layer: Mapping[str, Any] | None = None,
    without: tuple[str, ...] = (),
) -> GuestImage:
    """An image of one manifest with one layer, all in order but for what is given; `without` names absent fields."""
    image = GuestImage()
    config_document = _without(RIGHT_CONFIG | dict(config or {}), without, "config.")
    descriptor = image.add(config_document, OCI_CONFIG)
    blob = {"mediaType": GOOD_LAYERS[0], "digest": f"sha256:{5:064x}", "size": 5} | dict(layer or {})
    document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": descriptor}
    document |= {"layers": [_without(blob, without, "layer.")]} | dict(manifest or {})
    document = _without(document, without, "manifest.")
    media_type = str(document.get("mediaType") or OCI_MANIFEST)
    image.top = image.documents[image.add(document, media_type)["digest"]]
    return image


RIGHT_CONFIG: dict[str, Any] = {
    "architecture": "amd64",
    "os": "linux",
    "config": {"Cmd": ["/x"]},
    "rootfs": {"type": "layers", "diff_ids": [f"sha256:{6:064x}"]},
}


def an_index(architecture: str, *entries: Mapping[str, Any], **fields: Any) -> GuestImage:
    """An index with an entry for that architecture, and before it one for another, changed by `entries` in order."""
    image = one_image()
    top = {"mediaType": OCI_MANIFEST, "digest": digest_of(image.top), "size": len(image.top)}
    made = [
        top | {"platform": {"os": "linux", "architecture": "mips"}},
        top | {"platform": {"os": "linux", "architecture": architecture}},
    ]
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [entry | dict(change) for entry, change in zip(made, (*entries, {}, {}), strict=False)],
    }
    image.top = image.documents[image.add(document | fields, OCI_INDEX)["digest"]]
    return image


def _without(document: Mapping[str, Any], names: tuple[str, ...], prefix: str) -> dict[str, Any]:
    gone = {name.removeprefix(prefix) for name in names if name.startswith(prefix)}
    return {key: value for key, value in document.items() if key not in gone}


def random_images(seed: int, number: int, architecture: str) -> Iterator[GuestImage]:
    """Make images for a guest of that architecture, by Go's name. The same seed makes the same ones."""
    source = random.Random(seed)
    for _ in range(number):
        yield _Maker(source, architecture).image()


class _Maker:
    def __init__(self, source: random.Random, architecture: str) -> None:
        self._random = source
        self._architecture = architecture
        self._image = GuestImage()

    def image(self) -> GuestImage:
        if self._random.random() < 0.4:
            top = self._manifest()
        else:
            entries = [self._entry() for _ in range(self._random.randint(1, 4))]
            media_type = self._random.choice((OCI_INDEX, OCI_INDEX, DOCKER_LIST))
            document = {"schemaVersion": 2, "mediaType": media_type, "manifests": entries}
            top = self._image.add(self._odd(document, 0.15), media_type)
        self._image.top = self._image.documents[top["digest"]]
        return self._image

    def _entry(self) -> dict[str, Any]:
        descriptor = self._manifest()
        if self._random.random() < 0.05:
            nested = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor]}
            descriptor = self._image.add(nested, OCI_INDEX)
        platform = self._platform()
        return descriptor | ({} if platform is None else {"platform": platform})

    def _platform(self) -> Any:
        if self._random.random() < 0.1:
            return None
        platform = {
            "os": self._random.choice(("linux", "linux", "linux", "windows")),
            "architecture": self._random.choice((self._architecture, self._architecture, "arm64", "s390x", "amd64")),
        }
        variant = self._random.choice(("", "", "v8", "v2"))
        return platform | ({"variant": variant} if variant else {})

    def _manifest(self) -> dict[str, Any]:
        layers = [self._layer() for _ in range(self._random.randint(1, 3))]
        config = self._image.add(self._config(len(layers)), OCI_CONFIG)
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": layers}
        if self._random.random() < 0.2:
            document["annotations"] = {"a": "b"}
        return self._image.add(self._odd(document, 0.15), OCI_MANIFEST)

    def _layer(self) -> dict[str, Any]:
        media_type = self._random.choice(GOOD_LAYERS if self._random.random() < 0.9 else OTHER_LAYERS)
        digest = f"sha256:{self._random.getrandbits(256):064x}"
        annotations = keys_for(AGENT) if media_type.endswith("+encrypted") else {}
        found = {"mediaType": media_type, "digest": digest, "size": self._random.randint(1, 10**9)}
        return found | ({"annotations": annotations} if annotations else {})

    def _config(self, layers: int) -> dict[str, Any]:
        number = layers if self._random.random() < 0.93 else self._random.randint(0, 4)
        document = {
            "created": "2024-05-06T07:08:09Z",
            "architecture": self._random.choice((self._architecture, "arm64")),
            "os": self._random.choice(("linux",) * 20 + ("windows", "")),
            "config": {"Env": ["A=1"], "Cmd": ["/x"], "Labels": {"a": "b"}, "Volumes": {"/v": {}}},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{at:064x}" for at in range(number)]},
            "history": [{"created_by": "x"}, {"empty_layer": True}],
        }
        odd = self._odd(document, 0.25)
        return odd if isinstance(odd, dict) else document

    def _odd(self, document: dict[str, Any], probability: float) -> dict[str, Any]:
        """Return the document, perhaps with one value left out, null, or of another type, anywhere in it."""
        if self._random.random() >= probability:
            return document
        changed = copy.deepcopy(document)
        places = list(_places(changed))
        container, key = self._random.choice(places)
        kind = self._random.choice(("absent", "null", "null", "another"))
        if kind == "absent":
            del container[key]
        else:
            container[key] = None if kind == "null" else self._random.choice(("", "x", 2, 2.5, True, [], {}, [None]))
        return changed


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])
