"""The image that a policy judges: what signatures have to say of it.

It is not for who says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pycoco.configuration.policy.identities import Identity
from pycoco.configuration.reference import NamedReference
from pycoco.documents import manifest, media_types
from pycoco.documents.signatures.invalid import InvalidSignatureError, quoted
from pycoco.documents.signatures.payload import Payload
from pycoco.errors import ManifestError


@dataclass(frozen=True, slots=True)
class JudgedImage:
    """`reference` is the name as asked for, None if it has none; `manifest` the chosen instance's exact bytes."""

    reference: NamedReference | None
    manifest: bytes = field(repr=False)

    def require(self, payload: Payload, identity: Identity) -> None:
        """Raise InvalidSignatureError unless `payload` is about these bytes, under a name that `identity` accepts."""
        try:
            digest = manifest.digest_of(self.manifest, media_types.guess(self.manifest))
        except ManifestError as error:
            raise InvalidSignatureError(str(error)) from None
        if payload.digest != digest:
            raise InvalidSignatureError(f"Signature for digest {payload.digest} does not match")
        if not identity.matches(self.reference, payload.reference):
            raise InvalidSignatureError(f"Signature for identity {quoted(payload.reference)} is not accepted")
