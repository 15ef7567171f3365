"""An image's metadata as people use it: exact bytes, digests, and typed values made from them when first asked for.

It is not for fetching or checking: a backend hands over verified bytes, and the same bytes make the same Image
whichever backend fetched them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

import pycoco
from pycoco._pattern import pattern
from pycoco.errors import ManifestError
from pycoco.printable import printable

if TYPE_CHECKING:  # what an image is made of loads when it is asked for, like the values themselves
    import datetime

    from pycoco.backends import contract
else:
    datetime = pycoco._Deferred("datetime")
    contract = pycoco._Deferred("pycoco.backends.contract")

_INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
# A docker reference may start like a transport ("oci:5000/app" is a host and its port): a path never continues so.
_LOCAL = pattern(r"(?:oci|dir|oci-archive|docker-archive):(?![0-9]+/)")
_TAG_OR_DIGEST = pattern(r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]*)?(?:@.*)?\Z")


SCHEMA_VERSION = 1
"""Of the JSON object that an image is written as: higher where a key's meaning changed or one was taken away."""


class Image:
    """One image's metadata. It is immutable, and equal to another of the same content, wherever that came from.

    Typed values are made from the bytes when they are first asked for, so an image of which only the digest is wanted
    costs next to nothing.
    """

    __slots__ = ("_config", "_fetched", "_index", "_manifest", "_requested", "_whole")

    _fetched: contract.Fetched
    _requested: str
    _manifest: pycoco.Manifest | None
    _index: pycoco.Index | None
    _config: pycoco.ImageConfig | None
    _whole: bool  # whether the exact bytes are here

    def __init__(self, fetched: contract.Fetched, requested: str) -> None:
        self._remember("_fetched", fetched)
        self._remember("_requested", requested)
        for name in ("_manifest", "_index", "_config"):
            self._remember(name, None)
        self._remember("_whole", True)

    @classmethod
    def from_fetched(cls, fetched: contract.Fetched, requested: str) -> Image:
        """Make an image of what a backend fetched; `requested` is the reference as the caller wrote it."""
        return cls(fetched, requested)

    @classmethod
    def from_documents(
        cls, manifest: bytes, config: bytes, *, index: bytes | None = None, reference: str = "", pull_source: str = ""
    ) -> Image:
        """Make an image of its exact documents, which have to belong together: each names the next one's digest.

        The types of manifest and index are what they claim themselves. Raises ManifestError and its kin, as reading
        them from a registry would.
        """
        from pycoco.answers.given_images import fetched_documents

        return cls(fetched_documents(manifest, config, index, reference, pull_source), reference)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Image:
        """Make an image of the JSON object that `to_dict` returns and `pycoco inspect --json` prints.

        It has all that such an object has, which is not the exact bytes: `raw_manifest`, `raw_index` and `raw_config`
        raise ManifestError. Raises ManifestError for what is no such object, and for one of another `schema_version`.
        """
        from pycoco.answers.given_images import fetched_object, typed_documents

        made = cls(*fetched_object(document, SCHEMA_VERSION))
        for name, typed in typed_documents(document).items():
            made._remember(name, typed)
        made._remember("_whole", False)
        return made

    @property
    def requested(self) -> str:
        """The reference as it was asked for."""
        return self._requested

    @property
    def reference(self) -> str:
        """The reference that was read, normalised: for a short name the candidate that was found."""
        return self._fetched.reference

    @property
    def repository(self) -> str:
        """The repository that was read, "quay.io/acme/app"; "" for a local layout, which is in none."""
        return "" if _LOCAL.match(self.reference) else _TAG_OR_DIGEST.sub("", self.reference, count=1)

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
        return f"{self.repository}@{self.digest}" if self.repository else ""

    @property
    def policy(self) -> str:
        """The verdict of policy.json about these bytes, "" if no policy was checked."""
        return self._fetched.policy

    @property
    def signatures(self) -> tuple[bytes, ...]:
        """The signatures that the policy looked at, accepted or not; () where it needed none.

        They are in the form in which containers-storage keeps them.
        """
        return self._fetched.signatures

    @property
    def raw_manifest(self) -> bytes:
        """The exact bytes of the image's own manifest."""
        self._require_bytes()
        return self._fetched.instance_manifest or self._fetched.top_manifest

    @property
    def raw_index(self) -> bytes | None:
        """The exact bytes of the index, None where there is none."""
        self._require_bytes()
        return self._fetched.top_manifest if self.is_index else None

    @property
    def raw_config(self) -> bytes:
        """The exact bytes of the config; b"" for schema 1."""
        self._require_bytes()
        return self._fetched.config

    @property
    def manifest(self) -> pycoco.Manifest:
        """The image's own manifest."""
        if self._manifest is None:
            from pycoco.documents.manifest import Manifest

            self._remember("_manifest", Manifest.from_bytes(self.raw_manifest, self.instance_media_type))
        assert self._manifest is not None
        return self._manifest

    @property
    def index(self) -> pycoco.Index | None:
        """The index that the reference names, None where it names an image directly."""
        if self._index is None and self.is_index:
            from pycoco.documents.index import Index

            self._remember("_index", Index.from_bytes(self._fetched.top_manifest, self._fetched.media_type))
        return self._index

    @property
    def config(self) -> pycoco.ImageConfig:
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
    def labels(self) -> Mapping[str, str]:
        """The config's labels."""
        return self.config.labels

    @property
    def created(self) -> datetime.datetime | None:
        """When the image was made, as its config says, as an aware datetime; None if it says nothing usable."""
        return self.config.created_at

    @property
    def env(self) -> dict[str, str]:
        """The config's environment by name; of a name that is there twice the last value, as a runtime has it.

        Entries without "=" set nothing and are left out: `config.env` has every entry as it stands.
        """
        return dict(entry.split("=", 1) for entry in self.config.env if "=" in entry)

    @property
    def layers(self) -> tuple[pycoco.Layer, ...]:
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
    def platform(self) -> pycoco.Platform:
        """The image's platform: as the index has it, or else as the config has it."""
        for entry in self.index.manifests if self.index else ():
            if entry.digest == self.instance_digest and entry.platform is not None:
                return entry.platform
        return self.config.platform

    def to_dict(self) -> dict[str, Any]:
        """Return the image as one JSON object, the one that `pycoco inspect --json` prints.

        Its keys are `schema_version`, and this class's names: `requested`, `reference`, `pull_source`, `pinned`,
        `digest`, `media_type`, `instance_digest`, `config_digest`, `platform` (a text), `policy`, `encrypted`,
        `layers_size` (bytes), `layers`, `manifest`, `index` (null where there is none) and `config`. Within the last
        four, key names are the OCI specification's, and empty optional fields are left out. Exact bytes are not in it;
        their digests are.
        """
        return {
            "schema_version": SCHEMA_VERSION,
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
        return printable(f"<Image {self.reference} {self.instance_digest}>", 500)

    def _repr_html_(self) -> str:
        from pycoco.introspection.notebook import table

        encrypted = sum(layer.encrypted for layer in self.layers)
        layers = f"{len(self.layers)}, {self.layers_size:,} bytes, {encrypted} of them encrypted"
        rows = {
            "reference": self.reference,
            "pull source": self.pull_source if self.pull_source != self.reference else "",
            "digest": self.digest,
            "instance": self.instance_digest if self.is_index else "",
            "platform": str(self.platform),
            "created": str(self.created or ""),
            "runs": [*(self.config.entrypoint or ()), *(self.config.cmd or ())],
            "layers": layers,
            "labels": [f"{name}={value}" for name, value in self.labels.items()],
            "policy": self.policy,
        }
        return table("Image", rows.items())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Image):
            return NotImplemented
        return self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Image, (self._fetched, self._requested)) if self._whole else (Image.from_dict, (self.to_dict(),))

    @property
    def _content(self) -> tuple[str, str, str]:
        return self.digest, self.instance_digest, self.config_digest

    def _require_bytes(self) -> None:
        if not self._whole:
            raise ManifestError(
                f"{self!r} was made of its JSON form, which has no exact bytes; inspect {self.pinned or 'it'} for them"
            )

    def _remember(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"an Image cannot be changed: {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"an Image cannot be changed: {name!r}")
