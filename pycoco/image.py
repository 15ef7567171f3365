"""An image's metadata as people use it: exact bytes, digests, and typed values made from them when first asked for.

It is not for fetching or checking: a backend hands over verified bytes, and the same bytes make the same Image
whichever backend fetched them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:  # what an image is made of loads when it is asked for, like the values themselves
    from pycoco.backends.contract import Fetched
    from pycoco.documents.descriptor import Layer, Platform
    from pycoco.documents.image_config import ImageConfig
    from pycoco.documents.index import Index
    from pycoco.documents.manifest import Manifest

_INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
# A docker reference may start like a transport ("oci:5000/app" is a host and its port): a path never continues so.
_LOCAL = re.compile(r"(?:oci|dir|oci-archive|docker-archive):(?![0-9]+/)")
_TAG_OR_DIGEST = re.compile(r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?(?:@.*)?\Z")


class Image:
    """One image's metadata. It is immutable, and compares and hashes by what was fetched.

    Typed values are made from the bytes when they are first asked for, so an image of which only the digest is wanted
    costs next to nothing.
    """

    __slots__ = ("_config", "_fetched", "_index", "_manifest", "_requested")

    _fetched: Fetched
    _requested: str
    _manifest: Manifest | None
    _index: Index | None
    _config: ImageConfig | None

    def __init__(self, fetched: Fetched, requested: str) -> None:
        self._remember("_fetched", fetched)
        self._remember("_requested", requested)
        for name in ("_manifest", "_index", "_config"):
            self._remember(name, None)

    @classmethod
    def from_fetched(cls, fetched: Fetched, requested: str) -> Image:
        """Make an image of what a backend fetched; `requested` is the reference as the caller wrote it."""
        return cls(fetched, requested)

    @property
    def requested(self) -> str:
        """The reference as it was asked for."""
        return self._requested

    @property
    def reference(self) -> str:
        """The reference that was read, normalised: for a short name the candidate that was found."""
        return self._fetched.reference

    @property
    def pull_source(self) -> str:
        """The reference of the mirror or registry that answered."""
        return self._fetched.pull_source

    @property
    def digest(self) -> str:
        """The digest of the top-level manifest or index, "sha256:…"."""
        return self._fetched.digest

    @property
    def media_type(self) -> str:
        """The media type of the top-level manifest or index."""
        return self._fetched.media_type

    @property
    def is_index(self) -> bool:
        """Whether the reference names an index, from which an instance was chosen."""
        return self._fetched.media_type in _INDEX_TYPES

    @property
    def instance_digest(self) -> str:
        """The digest of the image's own manifest: the chosen instance's, or `digest` where there is no index."""
        return self._fetched.instance_digest or self._fetched.digest

    @property
    def instance_media_type(self) -> str:
        """The media type of the image's own manifest."""
        return self._fetched.instance_media_type or self._fetched.media_type

    @property
    def config_digest(self) -> str:
        """The config's digest, by which CRI-O names the image; "" for schema 1, which has no config."""
        return self._fetched.config_digest

    @property
    def pinned(self) -> str:
        """The reference to hand to whoever pulls next: "repository@digest" of the top-level manifest.

        It names the same bytes for ever. "" for a local layout, which no registry's reference names.
        """
        if _LOCAL.match(self.reference):
            return ""
        return f"{_TAG_OR_DIGEST.sub('', self.reference, count=1)}@{self.digest}"

    @property
    def policy(self) -> str:
        """The verdict of policy.json about these bytes, "" if no policy was checked."""
        return self._fetched.policy

    @property
    def raw_manifest(self) -> bytes:
        """The exact bytes of the image's own manifest."""
        return self._fetched.instance_manifest or self._fetched.top_manifest

    @property
    def raw_index(self) -> bytes | None:
        """The exact bytes of the index, None where there is none."""
        return self._fetched.top_manifest if self.is_index else None

    @property
    def raw_config(self) -> bytes:
        """The exact bytes of the config; b"" for schema 1."""
        return self._fetched.config

    @property
    def manifest(self) -> Manifest:
        """The image's own manifest."""
        if self._manifest is None:
            from pycoco.documents.manifest import Manifest

            self._remember("_manifest", Manifest.from_bytes(self.raw_manifest, self.instance_media_type))
        assert self._manifest is not None
        return self._manifest

    @property
    def index(self) -> Index | None:
        """The index that the reference names, None where it names an image directly."""
        if self._index is None and self.is_index:
            from pycoco.documents.index import Index

            self._remember("_index", Index.from_bytes(self._fetched.top_manifest, self._fetched.media_type))
        return self._index

    @property
    def config(self) -> ImageConfig:
        """The image's config. Of schema 1 it is made of the youngest layer's history, and has no diff_ids."""
        if self._config is None:
            from pycoco.documents.image_config import ImageConfig

            self._remember("_config", ImageConfig.from_bytes(self.raw_config or self._schema1_config()))
        assert self._config is not None
        return self._config

    def _schema1_config(self) -> bytes:
        from pycoco.documents.typed import parse_object

        history = parse_object(self.raw_manifest, "manifest").get("history") or [{}]
        return str(history[0].get("v1Compatibility") or "{}").encode()

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers' descriptors, the lowest first. A layer itself is never read."""
        return self.manifest.layers

    @property
    def layers_size(self) -> int:
        """The sum of the layers' sizes in bytes as the manifest claims them."""
        return self.manifest.layers_size

    @property
    def encrypted(self) -> bool:
        """Whether any layer is encrypted."""
        return any(layer.encrypted for layer in self.layers)

    @property
    def platform(self) -> Platform:
        """The image's platform: as the index has it, or else as the config has it."""
        for entry in self.index.manifests if self.index else ():
            if entry.digest == self.instance_digest and entry.platform is not None:
                return entry.platform
        return self.config.platform

    def to_dict(self) -> dict[str, Any]:
        """Return the image as one JSON object, the one that `pycoco inspect --json` prints.

        Its keys are this class's names: `requested`, `reference`, `pull_source`, `pinned`, `digest`, `media_type`,
        `instance_digest`, `config_digest`, `platform` (a text), `policy`, `encrypted`, `layers_size` (bytes), `layers`,
        `manifest`, `index` (null where there is none) and `config`. Within the last four, key names are the OCI
        specification's, and empty optional fields are left out. Exact bytes are not in it; their digests are.
        """
        return {
            "requested": self.requested,
            "reference": self.reference,
            "pull_source": self.pull_source,
            "pinned": self.pinned,
            "digest": self.digest,
            "media_type": self.media_type,
            "instance_digest": self.instance_digest,
            "config_digest": self.config_digest,
            "platform": str(self.platform),
            "policy": self.policy,
            "encrypted": self.encrypted,
            "layers_size": self.layers_size,
            "layers": [layer.to_dict() for layer in self.layers],
            "manifest": self.manifest.to_dict(),
            "index": self.index.to_dict() if self.index else None,
            "config": self.config.to_dict(),
        }

    def __repr__(self) -> str:
        return f"<Image {self.reference} {self.instance_digest}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Image):
            return NotImplemented
        return self._requested == other._requested and self._fetched == other._fetched

    def __hash__(self) -> int:
        return hash((self._requested, self._fetched.reference, self.instance_digest))

    def __reduce__(self) -> tuple[Any, ...]:
        return Image, (self._fetched, self._requested)

    def _remember(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"an Image cannot be changed: {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"an Image cannot be changed: {name!r}")
