"""Faults of what policy.json says and of signatures: each lets an image through that should not be, or asks in vain.

It is not for planting them (see `__main__`).
"""

from __future__ import annotations

from tests.mutation.fault import Fault

DRAWN = "tests/parity/test_pure_operations.py::test_twins_agree[evaluate_policy]"
CERTIFICATES = "tests/parity/test_policy_certificates.py"
OPENPGP = "tests/parity/test_policy_openpgp.py"
FORMS = "tests/parity/test_policy_forms.py"
STATES = "tests/parity/test_policy_differences.py"
UNIT = "tests/unit/configuration/policy/test_policy.py"
PLACES = "tests/end_to_end/policy/test_signature_places.py"

POLICY_FAULTS = (
    Fault(
        "a signature's digest not compared",
        "configuration/policy/judged_image.py",
        "if payload.digest != digest:",
        "if not payload.digest:",
        (DRAWN,),
    ),
    Fault(
        "a signature's name not compared",
        "configuration/policy/judged_image.py",
        "if not identity.matches(self.reference, payload.reference):",
        "if not payload.reference:",
        (CERTIFICATES,),
    ),
    Fault(
        "an identity's prefix that ends within a component",
        "configuration/policy/identities.py",
        'intended.name.startswith(self.prefix + "/")',
        "intended.name.startswith(self.prefix)",
        (CERTIFICATES,),
    ),
    Fault(
        "one of many requirements skipped",
        "configuration/policy/evaluate.py",
        "        _require(applied, requirement, image, parsed)\n    return str(applied)",
        "        _require(applied, requirement, image, parsed)\n        break\n    return str(applied)",
        (CERTIFICATES,),
    ),
    Fault(
        "a certificate that has expired taken",
        "documents/signatures/certificates.py",
        "if when < certificate.not_valid_before_utc or when > certificate.not_valid_after_utc:",
        "if when < certificate.not_valid_before_utc:",
        (CERTIFICATES,),
    ),
    Fault(
        "a certificate for something else than signing taken",
        "documents/signatures/certificates.py",
        "return not usages or any(usage in wanted for usage in usages)",
        "return True",
        (CERTIFICATES,),
    ),
    Fault(
        "a certificate by somebody who is no authority taken",
        "documents/signatures/certificates.py",
        "if constraints is not None and not constraints.ca:",
        "if constraints is not None and constraints.ca is None:",
        (CERTIFICATES,),
    ),
    Fault(
        "a log's entry about another signature taken",
        "documents/signatures/rekor.py",
        'raise InvalidSignatureError("signature in Rekor SET does not match")',
        "pass",
        (CERTIFICATES,),
    ),
    Fault(
        "a log's promise not verified",
        "documents/signatures/rekor.py",
        "if not any(public_keys.is_ecdsa(key, signed, entry_bytes) for key in keys):",
        "if not keys:",
        (CERTIFICATES,),
    ),
    Fault(
        "a revoked key taken",
        "documents/signatures/openpgp_keys.py",
        "if any(each.revokes_for_ever or not each.is_expired(now) for each in self.revocations):",
        "if any(each.is_expired(now) for each in self.revocations):",
        (STATES,),
    ),
    Fault(
        "a key that has expired taken",
        "documents/signatures/openpgp_keys.py",
        "if any(_key_expired(self.primary_created, each, now) for each in self.self_signatures):",
        "if any(_key_expired(self.primary_created, each, self.primary_created) for each in self.self_signatures):",
        (STATES,),
    ),
    Fault(
        "a key taken whose own signature does not verify",
        "documents/signatures/openpgp_keys.py",
        "if said.core not in self._placed.get(_name(target.packet), ()):",
        "if said.core is None:",
        (OPENPGP,),
    ),
    Fault(
        "a revocation passed over that says that somebody else made it",
        "documents/signatures/openpgp_keys.py",
        "            target, said = self._key, replace(said, kind=_KEY_REVOCATION, reason=COMPROMISED)\n",
        "            return\n",
        (OPENPGP,),
    ),
    Fault(
        "a compromised key taken before it is revoked",
        "documents/signatures/openpgp_signature.py",
        "return self.reason == COMPROMISED",
        "return False",
        (OPENPGP,),
    ),
    Fault(
        "a signature taken that is announced for another",
        "documents/signatures/openpgp.py",
        "if any(each[_IS_LAST] for each in announcing[:-1]):",
        "if not announcing:",
        (OPENPGP,),
    ),
    Fault(
        "a public key in any form",
        "documents/signatures/public_keys.py",
        "if usable.public_bytes(Encoding.DER, form) != block.content:",
        "if not block.content:",
        (FORMS,),
    ),
    Fault(
        "a certificate that is signed in any way taken",
        "documents/signatures/certificate_forms.py",
        "return child.signature_algorithm_oid in _SIGNATURES",
        "return True",
        (FORMS,),
    ),
    Fault(
        "a payload's repeated key taken",
        "documents/signatures/payload.py",
        "        if key in fields:\n",
        "        if key in fields and known is None:\n",
        (CERTIFICATES,),
    ),
    Fault(
        "signatures asked for where the policy rejects before it looks at any",
        "configuration/policy/evaluate.py",
        '        if requirement.kind != "insecureAcceptAnything":\n            return False\n    return False',
        "        continue\n    return False",
        (UNIT,),
    ),
    Fault(
        "a lookaside asked where the registry has the extension",
        "backends/python/registry/signature_source.py",
        "if properties.supports_signatures:",
        "if properties is None:",
        (PLACES,),
    ),
)
