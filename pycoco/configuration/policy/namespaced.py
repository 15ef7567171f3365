"""Which policy.json CRI-O evaluates for a pod's image: its namespace's own, or the one for the whole node.

It is not for what is in it. Mirrors CRI-O's server/image_pull.go and its settings signature_policy and
signature_policy_dir: DIR/NAMESPACE.json where that exists, else signature_policy, else what the search rule finds.
"""

from __future__ import annotations

from pycoco.configuration import configuration_files
from pycoco.configuration.auth import crio
from pycoco.errors import ConfigurationError

SIGNATURE_POLICY_DIR = "/etc/crio/policies"
"""CRI-O's default for signature_policy_dir."""


def policy_file(namespace: str) -> str:
    """Return the path of the policy for a pod in `namespace`; "" where the search rule has to find it.

    Raises ConfigurationError for what is no namespace, no absolute directory, or a crio.conf that cannot be read.
    """
    crio.checked_namespace(namespace)
    configured = crio.image_settings({"signature_policy": "", "signature_policy_dir": SIGNATURE_POLICY_DIR})
    directory = configured["signature_policy_dir"]
    if not directory.startswith("/"):
        message = f"signature_policy_dir is {directory[:200]!r}; give an absolute path, as CRI-O demands"
        raise ConfigurationError(message)
    own = configuration_files.join(directory, f"{namespace}.json")
    return own if configuration_files.exists(own) else configured["signature_policy"]
