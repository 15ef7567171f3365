"""The signatures of one manifest: from its registry's extension or else a lookaside, and attachments beside it.

It is not for what they are worth. Mirrors GetSignaturesWithFormat of containers/image docker/docker_image_src.go.
Nothing here is asked for unless a policy looks at signatures.
"""

from __future__ import annotations

import asyncio
import hashlib

from pycoco.backends.python.registry.blob import read_blob
from pycoco.backends.python.registry.distribution_error import failure
from pycoco.backends.python.registry.endpoints import Endpoint, get_manifest
from pycoco.configuration import regular_file
from pycoco.configuration.registries_d import Lookaside, SignaturePlaces
from pycoco.documents import digest as digests
from pycoco.documents import manifest, media_types
from pycoco.documents.signatures import blob
from pycoco.documents.signatures.blob import Sigstore
from pycoco.documents.signatures.invalid import InvalidSignatureError
from pycoco.documents.syntax import encoding_json
from pycoco.errors import (
    ConfigurationError,
    ManifestError,
    NotFoundError,
    PolicyRejectedError,
    RegistryError,
    TooLargeError,
)

SIGNATURE_LIMIT = 4 * 1024 * 1024
"""Bytes of one signature, or of a list of them, at most (containers/image internal/iolimits)."""

ALL_LIMIT = 64 * 1024 * 1024
"""Bytes of all signatures of one manifest together, at most. Upstream has no such bound."""

_LOOKASIDE_LIMIT = 128  # maxLookasideSignatures


async def read(endpoint: Endpoint, digest: str, places: SignaturePlaces) -> tuple[bytes, ...]:
    """Return the signatures of the manifest `digest`, in order.

    Raises PolicyRejectedError for what cannot be used as signatures, RegistryError and its kin, ConfigurationError.
    """
    found: list[bytes] = []
    properties = await endpoint.registry.properties(endpoint.access)
    try:
        if properties.supports_signatures:
            found += await _from_extension(endpoint, digest)
        else:
            found += await _from_lookaside(endpoint, digest, places.lookaside)
        if places.attachments:
            found += await _from_attachments(endpoint, digest)
    except (InvalidSignatureError, ManifestError) as error:
        raise PolicyRejectedError(str(error)) from None
    return tuple(found)


async def _from_extension(endpoint: Endpoint, digest: str) -> list[bytes]:
    """getExtensionsSignatures: those of the one kind and version that there is."""
    answer = await endpoint.registry.get(f"/extensions/v2/{endpoint.path}/signatures/{digest}", endpoint.access)
    if answer.status != 200:
        raise await failure(answer)
    body = await answer.read(SIGNATURE_LIMIT)
    try:
        document = encoding_json.parse(body)
    except ValueError as error:
        raise InvalidSignatureError(f"decoding signature list: {error}") from None
    return [blob.stored(blob.SimpleSigning(content)) for content in _listed(document)]


def _listed(document: encoding_json.Value) -> list[bytes]:
    if document is None:
        return []
    if not isinstance(document, encoding_json.Object):
        raise InvalidSignatureError("decoding signature list: an object is expected")
    found: list[bytes] = []
    for key, value in document:
        if encoding_json.field(key, ("signatures",)) is None or value is None:
            continue
        if not isinstance(value, list):
            raise InvalidSignatureError("decoding signature list: an array is expected")
        found = [content for item in value if (content := _content(item)) is not None]
    return found


def _content(item: encoding_json.Value) -> bytes | None:
    """The content of a signature of schema 2 and type atomic (extensionSignature); None for any other."""
    if item is None:
        return None
    if not isinstance(item, encoding_json.Object):
        raise InvalidSignatureError("decoding signature list: an object is expected")
    version, kind, content = "0", "", b""
    for key, value in item:
        name = encoding_json.field(key, ("schemaVersion", "name", "type", "content"))
        if name == "schemaVersion" and value is not None:
            if not isinstance(value, encoding_json.Number) or not value.lstrip("-").isdecimal():
                raise InvalidSignatureError("decoding signature list: a version is not an integer")
            version = str(value)
        elif name == "content":
            content = blob.octets_of("a signature's content", value) or b""
        elif name is not None and value is not None:
            text = blob.text_of(name, value)
            kind = text if name == "type" else kind
    return content if version == "2" and kind == "atomic" else None


async def _from_lookaside(endpoint: Endpoint, digest: str, lookaside: Lookaside) -> list[bytes]:
    """appendSignaturesFromLookaside: numbered, up to the first that is not there."""
    found: list[bytes] = []
    size = 0
    for number in range(1, _LOOKASIDE_LIMIT + 1):
        place = lookaside.place(digest, number)
        if lookaside.scheme == "file":
            stored = await asyncio.to_thread(_file, place)  # a disk may keep one waiting
        elif lookaside.scheme in ("http", "https"):
            stored = await _get(endpoint, place, lookaside.scheme)
        else:
            raise InvalidSignatureError(f"Unsupported scheme when reading signature from {lookaside}")
        if stored is None:
            return found
        try:
            blob.parse(stored)
        except InvalidSignatureError as error:
            raise InvalidSignatureError(f"parsing signature {number} of {lookaside}: {error}") from None
        size = _bounded(size + len(stored), digest)
        found.append(stored)
    raise InvalidSignatureError(
        f"server provided {_LOOKASIDE_LIMIT} signatures, assuming that's unreasonable and a server error"
    )


def _file(path: str) -> bytes | None:
    try:
        return regular_file.read(path, SIGNATURE_LIMIT)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise ConfigurationError(f"the signature {path} cannot be read: {reason}.", file=path) from None


async def _get(endpoint: Endpoint, url: str, scheme: str) -> bytes | None:
    """A signature of a lookaside on the web, where nobody has to say who asks. None if it is not there."""
    registry = endpoint.registry
    answer = await registry.get_without_authorization(url, plain_http=scheme == "http")
    if answer.status == 404:
        await answer.discard()
        return None
    if answer.status != 200:
        raise await failure(answer, by_status=True)
    return await answer.read(SIGNATURE_LIMIT)


async def _from_attachments(endpoint: Endpoint, digest: str) -> list[bytes]:
    """appendSignaturesFromSigstoreAttachments: every layer under the tag that cosign makes of a digest."""
    document = await _attachment_manifest(endpoint, f"{digest.replace(':', '-', 1)}.sig")
    if document is None:
        return []
    found: list[bytes] = []
    size = 0
    for layer in document.document.get("layers") or ():
        layer_digest = str(layer.get("digest") or "")
        if not digests.is_valid(layer_digest):
            raise InvalidSignatureError(f"invalid digest {layer_digest[:200]!r}")
        path = endpoint.blob_path(layer_digest)
        answer = await endpoint.registry.get(path, endpoint.access)
        if answer.status != 200:
            raise await failure(answer)
        content = await read_blob(endpoint.registry, path, endpoint.access, answer, SIGNATURE_LIMIT)
        if not digests.matches(content, layer_digest):
            algorithm = layer_digest.partition(":")[0]
            got = f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"
            raise InvalidSignatureError(f'digest mismatch, expected "{layer_digest}", got "{got}"')
        size = _bounded(size + len(content), digest)
        annotations = layer.get("annotations") or {}
        found.append(blob.stored(Sigstore(str(layer.get("mediaType") or ""), content, annotations)))
    return found


async def _attachment_manifest(endpoint: Endpoint, tag: str) -> manifest.ReadManifest | None:
    """getSigstoreAttachmentManifest; None if the registry says that there is none."""
    try:
        received = await get_manifest(endpoint, tag)
    except RegistryError as error:
        if _is_unknown(error):
            return None
        raise
    content_type = media_types.simplified(received.content_type)
    if content_type != media_types.OCI_MANIFEST:
        raise InvalidSignatureError(f'unexpected MIME type for sigstore attachment manifest {tag}: "{content_type}"')
    return manifest.parse(received.body, media_types.OCI_MANIFEST)


def _is_unknown(error: RegistryError) -> bool:
    """isManifestUnknownError."""
    return isinstance(error, NotFoundError) and error.spec_code in (None, "MANIFEST_UNKNOWN", "UNKNOWN")


def _bounded(size: int, digest: str) -> int:
    if size > ALL_LIMIT:
        raise TooLargeError(f"the signatures of {digest} are larger than {ALL_LIMIT} bytes together; this is refused")
    return size
