"""A registry with an image that can be signed, and the configuration that says how: for the tests of the policy.

It is not for making signatures (tests/support/signing/signatures.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pycoco
from pycoco import BackendName
from tests.parity.fetching import config_of, encoded, manifest_of, sha256
from tests.support.media_types import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from tests.support.scripted_registry import Answer, Route, Routes, ScriptedRegistry
from tests.support.signing.signatures import SIGNATURE_ANNOTATION, SIMPLE_SIGNING

CONFIG = config_of()
MANIFEST = manifest_of(CONFIG)
DIGEST = sha256(MANIFEST)
INDEX = encoded(
    {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [
            {
                "mediaType": OCI_MANIFEST,
                "digest": DIGEST,
                "size": len(MANIFEST),
                "platform": {"os": "linux", "architecture": "amd64"},
            }
        ],
    }
)
ANYTHING = [{"type": "insecureAcceptAnything"}]


@dataclass
class Signed:
    """A registry with an image as app:v1 and an index of it as app:index, and what is signed about them."""

    registry: ScriptedRegistry
    home: Path
    table: dict[str, Route]
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        return f"{self.registry.host}/app:v1"

    @property
    def signatures(self) -> Path:
        return self.home / "lookaside"

    def configure(self, *, attachments: bool = True, lookaside_of: str = "") -> None:
        """Write the user's registries.d."""
        directory = self.home / ".config/containers/registries.d"
        directory.mkdir(parents=True, exist_ok=True)
        document = {
            lookaside_of or self.registry.host: {
                "lookaside": f"file://{self.signatures}",
                "use-sigstore-attachments": attachments,
            }
        }
        (directory / "tests.yaml").write_text(json.dumps({"docker": document}))  # JSON is YAML

    def attach(self, digest: str, payload: bytes, signature: str, *, served: bytes | None = None) -> None:
        """Attach a sigstore signature to what `digest` names; `served` is what is served in the payload's place."""
        layer = {
            "mediaType": SIMPLE_SIGNING,
            "digest": sha256(payload),
            "size": len(payload),
            "annotations": {SIGNATURE_ANNOTATION: signature},
        }
        config = encoded({"rootfs": {"type": "layers", "diff_ids": [sha256(payload)]}})
        body = encoded(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": {"mediaType": OCI_CONFIG, "digest": sha256(config), "size": len(config)},
                "layers": [layer],
            }
        )
        tag = digest.replace(":", "-") + ".sig"
        self.table[f"/v2/app/manifests/{tag}"] = Answer(headers=[("Content-Type", OCI_MANIFEST)], body=body)
        self.table[f"/v2/app/blobs/{sha256(payload)}"] = Answer(body=payload if served is None else served)

    def inspect(self, backend: BackendName, reference: str = "", **options: Any) -> pycoco.Image:
        return pycoco.inspect(
            reference or self.reference,
            backend=backend,
            platform="linux/amd64",
            tls_verify=False,
            timeout=30,
            **{"policy": self.home / "policy.json", **self.options, **options},
        )

    def policy(self, *requirements: dict[str, Any], scope: str = "") -> Path:
        """Write a policy that rejects all but what `requirements` allow of the registry, or of `scope`."""
        path = self.home / "policy.json"
        scopes = {scope or self.registry.host: list(requirements)}
        path.write_text(json.dumps({"default": [{"type": "reject"}], "transports": {"docker": scopes}}))
        return path


@contextmanager
def signed_image(home: Path) -> Iterator[Signed]:
    """Serve it, configured in `home`."""
    index = Answer(headers=[("Content-Type", OCI_INDEX)], body=INDEX)
    image = Answer(headers=[("Content-Type", OCI_MANIFEST)], body=MANIFEST)
    table: dict[str, Route] = {
        "/v2/": Answer(),
        "/v2/app/manifests/v1": image,
        f"/v2/app/manifests/{DIGEST}": image,
        "/v2/app/manifests/index": index,
        f"/v2/app/blobs/{sha256(CONFIG)}": Answer(body=CONFIG),
    }
    with ScriptedRegistry(Routes(table)) as registry:
        yield Signed(registry, home, table)
