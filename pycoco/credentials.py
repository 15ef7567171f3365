"""Credentials from elsewhere than this host's auth files: Kubernetes' secrets and plugins, and CRI-O's own files.

It is not for the files that containers/image reads by itself, which need no call (docs/configuration.md lists them).

```python
from pathlib import Path

keyring = pycoco.credentials.from_dockerconfigjson(Path("pull-secret.json").read_bytes())
for found in keyring.lookup("quay.io/acme/app:v1"):  # the kubelet tries each, the longest key first
    image = pycoco.inspect("quay.io/acme/app:v1", creds=found.creds)
```
"""

from __future__ import annotations

from pycoco.configuration.auth.crio import CrioAuthentication, namespaced_auth_file
from pycoco.configuration.auth.crio import read as read_crio_conf
from pycoco.configuration.auth.kubernetes import (
    Keyring,
    KeyringCredentials,
    from_credential_provider_response,
    from_dockerconfigjson,
)

__all__ = [
    "CrioAuthentication",
    "Keyring",
    "KeyringCredentials",
    "from_credential_provider_response",
    "from_dockerconfigjson",
    "namespaced_auth_file",
    "read_crio_conf",
]
