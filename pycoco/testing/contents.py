"""What a registry for tests has: manifests by repository and digest, tags, blobs, and who refers to whom.

It is not for answering requests (see `registry`).
"""

from __future__ import annotations

import json
import threading
from typing import Any

from pycoco.testing.images import Built, Document


class Contents:
    """Manifests, tags and blobs. Threads may share one."""

    def __init__(self) -> None:
        self._manifests: dict[tuple[str, str], Document] = {}
        self._tags: dict[str, dict[str, str]] = {}
        self._blobs: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def put(self, repository: str, tag: str, built: Built) -> None:
        """Take in what was built and tag its top-level manifest."""
        with self._lock:
            for document in (*built.manifests, built.top):
                self._manifests[repository, document.digest] = document
            for document in built.blobs:
                self._blobs[document.digest] = document.body
            self._tags.setdefault(repository, {})[tag] = built.top.digest

    def put_blob(self, document: Document) -> None:
        """Take in a blob, for every repository."""
        self._blobs[document.digest] = document.body

    def remove(self, repository: str, tag: str) -> None:
        """Take a tag away."""
        self._tags.get(repository, {}).pop(tag, None)

    def manifest(self, repository: str, reference: str) -> Document | None:
        """Return the manifest of a tag or digest, None where there is none."""
        return self._manifests.get((repository, self._tags.get(repository, {}).get(reference, reference)))

    def blob(self, digest: str) -> bytes | None:
        """Return a blob, None where there is none."""
        return self._blobs.get(digest)

    def tags(self, repository: str) -> list[str] | None:
        """Return a repository's tags in order, None for a repository that is not there."""
        return sorted(self._tags[repository]) if repository in self._tags else None

    def referrers(self, repository: str, digest: str) -> list[dict[str, Any]]:
        """Return the descriptors of the manifests whose subject has that digest, as the referrers API lists them."""
        manifests = [document for (name, _), document in list(self._manifests.items()) if name == repository]
        return [described for document in manifests if (described := _referring(document, digest)) is not None]


def split(name: str) -> tuple[str, str, str]:
    """Split "repository[:tag][@digest]"; the tag defaults to "latest". Raises ValueError without a repository."""
    rest, _, digest = name.partition("@")
    repository, _, tag = rest.partition(":")
    if not repository:
        raise ValueError(f"{name!r} names no repository; write repository:tag, such as team/app:v1")
    return repository, tag or "latest", digest


def _referring(document: Document, digest: str) -> dict[str, Any] | None:
    try:
        manifest = json.loads(document.body)
        if manifest["subject"]["digest"] != digest:
            return None
    except (ValueError, KeyError, TypeError):
        return None
    kind = manifest.get("artifactType") or manifest.get("config", {}).get("mediaType", "")
    more = {"annotations": manifest["annotations"]} if manifest.get("annotations") else {}
    return document.descriptor(artifactType=kind, **more)
