"""The flows of `documents.read_image` as one client's settings want them; a registry or a local layout answers each.

It is not for answering: the Python backend and `layout.local` do that.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

from pycoco.configuration.settings import Settings
from pycoco.configuration.values import ParsedReference
from pycoco.documents.read_image import (
    Need,
    Policy,
    ReadImage,
    ReadInstances,
    ReadManifest,
    ReadSignatures,
    Received,
    read_image,
    read_instances,
    read_manifest,
    read_signatures,
)
from pycoco.documents.values import RequestedPlatform

T = TypeVar("T")
Flow = Generator[Need, Received, T]
Known = Callable[[str], "bytes | None"]
"""What has the bytes of a digest, or None for it: a client's store."""


class Flows:
    """`known` is asked for the bytes of a digest before they are needed; None for nothing."""

    def __init__(self, settings: Settings, known: Known | None) -> None:
        self._settings = settings
        # With a policy nothing comes from the store: its signatures are at the registry.
        self._known = known if settings.policy is None else None

    def image(self, parsed: ParsedReference, platform: RequestedPlatform | None) -> Flow[ReadImage]:
        """One image's metadata, for `platform` or the settings' own."""
        return read_image(
            parsed.digest,
            self._settings.platform if platform is None else platform,
            schema1=self._settings.schema1,
            nested_indexes=self._settings.nested_indexes,
            policy=self._policy(parsed),
            known=self._known,
        )

    def manifest(self, parsed: ParsedReference) -> Flow[ReadManifest]:
        """The top-level manifest alone."""
        return read_manifest(parsed.digest, schema1=self._settings.schema1, known=self._known)

    def instances(self, parsed: ParsedReference) -> Flow[ReadInstances]:
        """Every image of an index."""
        return read_instances(
            parsed.digest,
            schema1=self._settings.schema1,
            policy=self._policy(parsed),
            known=self._known,
        )

    def signatures(self, parsed: ParsedReference, instance: str) -> Flow[ReadSignatures]:
        """The top-level manifest, or the instance of that digest, and the signatures that there are of it."""
        return read_signatures(parsed.digest, instance, schema1=self._settings.schema1)

    def _policy(self, parsed: ParsedReference) -> Callable[[], Policy] | None:
        if self._settings.policy is None:
            return None
        from pycoco.configuration.policy import policy
        from pycoco.configuration.policy.evaluate import PolicyForImage

        return lambda: PolicyForImage(policy.applicable(self._settings, parsed), parsed)
