"""The faults to plant in what keeps secrets out of messages and one document from passing as another, as data.

It is not for planting them (see `__main__`).
"""

from __future__ import annotations

from tests.mutation.fault import Fault

SECRETS = "tests/end_to_end/test_secrets_unseen.py"
MANIFESTS = "tests/unit/documents/test_manifest.py"

SECRECY_FAULTS = (
    Fault(
        "a user and a password repeated with a reference",
        "configuration/reference.py",
        'head = transport + "***"',
        "pass",
        (f"{SECRETS}::test_a_reference",),
    ),
    Fault(
        "a query repeated with a reference",
        "configuration/reference.py",
        're.split("[?#]", text, maxsplit=1)',
        're.split("[#]", text, maxsplit=1)',
        (f"{SECRETS}::test_a_reference",),
    ),
    Fault(
        "a proxy gone without where its variable cannot be parsed",
        "configuration/proxies.py",
        "    if proxy is None or not _is_proxy(proxy):",
        "    if proxy is None:\n        return None\n    if not _is_proxy(proxy):",
        ("tests/unit/configuration/test_proxies.py",),
    ),
    Fault(
        "any port for a proxy",
        "configuration/proxies.py",
        "int(port[1][:6]) <= 65535",
        "True",
        ("tests/unit/configuration/test_proxies.py",),
    ),
    Fault(
        "signatures that cover another manifest believed",
        "documents/schema1.py",
        'if not _are_equal(served, strict_json.loads(covered, "part of the manifest that its signatures cover")):',
        "if False:",
        (f"{MANIFESTS}::test_a_payload_that_is_another_manifest",),
    ),
    Fault(
        "signatures in any manifest",
        "documents/manifest.py",
        "name not in _ALLOWED[media_type] and document.get(name) is not None",
        'name not in (*_ALLOWED[media_type], "signatures") and document.get(name) is not None',
        ("tests/parity/matrix/test_types.py::test_manifests",),
    ),
)
