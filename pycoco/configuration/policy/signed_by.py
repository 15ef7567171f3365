"""What signedBy asks of one simple signature: that a GPG key which counts says the right thing of the image.

Mirrors signature/policy_eval_signedby.go and verifyAndExtractSignature of containers/image. Needs pysequoia.
"""

from __future__ import annotations

from pycoco.configuration.policy import key_files
from pycoco.configuration.policy.judged_image import JudgedImage
from pycoco.configuration.policy.requirements import SignedBy
from pycoco.documents.signatures import openpgp, openpgp_keys, payload
from pycoco.documents.signatures.blob import SimpleSigning
from pycoco.documents.signatures.invalid import InvalidSignatureError, quoted


def accept(requirement: SignedBy, image: JudgedImage, signature: SimpleSigning) -> str:
    """Return the fingerprint of the key that signed.

    Raises InvalidSignatureError, ConfigurationError for a file that cannot be read.
    """
    if requirement.key_type != "GPGKeys":
        raise InvalidSignatureError(f'Unimplemented "keyType" value {quoted(requirement.key_type)}')
    keyrings = [openpgp_keys.parse(data) for data in key_files.load(requirement.keys)]
    if not any(ring.fingerprints for ring in keyrings):
        raise InvalidSignatureError("No public keys imported")
    verified = openpgp.verify(signature.message, keyrings)
    image.require(payload.parse(verified.content, payload.SIMPLE_SIGNING), requirement.identity)
    return verified.fingerprint
