"""What is said where a layout has no image, or several and none was named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import pycoco
from pycoco.errors import NotFoundError
from tests.support.media_types import OCI_MANIFEST

REF_NAME = "org.opencontainers.image.ref.name"


def layout(tmp_path: Path, *names: str | None) -> str:
    entries = [
        {"mediaType": OCI_MANIFEST, "digest": f"sha256:{at:064x}", "size": 2}
        | ({"annotations": {REF_NAME: name}} if name else {})
        for at, name in enumerate(names)
    ]
    (tmp_path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (tmp_path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
    return f"oci:{tmp_path}"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), "has no image: its index.json is empty"),
        (("a:1", "b:2", None), r"has 3 images \(a:1, b:2\): say which one, by its name or as @N"),
        ((None, None), "has 2 images: say which one"),
        (tuple(f"n{at}" for at in range(12)), r"has 12 images \(n0, n1, .*, n9, \.\.\.\): say"),
    ],
)
def test_which_one_is_meant(tmp_path: Path, names: tuple[str | None, ...], said: str) -> None:
    with pycoco.Client(backend="python") as client, pytest.raises(NotFoundError, match=said):
        client.inspect(layout(tmp_path, *names))
