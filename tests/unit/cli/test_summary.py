"""The summary of an image: what people look for, and nothing that was not read."""

from __future__ import annotations

import pytest

from pycoco.cli import summary as summaries
from pycoco.cli.summary import readable_size, sizes, summary
from pycoco.image import Image
from pycoco.testing import make_image
from pycoco.testing.images import INDEX, Document, build_image


def rows(image: Image) -> dict[str, str]:
    return {line[2:12].strip(): line[13:] for line in summary(image).splitlines()[1:]}


def test_labels_that_matter_and_the_time() -> None:
    labels = {f"org.opencontainers.image.{name}": name for name in ("source", "revision", "version", "vendor")}
    found = rows(make_image("quay.io/a/b:1", labels=labels, created="2026-01-02T03:04:05Z"))
    assert (found["source"], found["created"]) == ("source revision version", "2026-01-02T03:04:05Z")
    assert "source" not in rows(make_image("quay.io/a/b:1"))
    assert "created" not in rows(make_image("quay.io/a/b:1", config={"created": None}))


def test_what_an_index_has_besides() -> None:
    import json

    built = build_image(platforms=["linux/amd64"])
    index = json.loads(built.top.body)
    entry = dict(index["manifests"][0])
    unknown = {"os": "unknown", "architecture": "unknown"}
    index["manifests"] += [{**entry, "platform": unknown}] * 2
    entry.pop("platform")
    index["manifests"] += [entry, {**entry, "platform": {}}, {**entry, "artifactType": "application/spdx+json"}]
    config = next(blob for blob in built.blobs if blob.media_type.endswith("config.v1+json"))
    top = Document(INDEX, json.dumps(index).encode())
    image = Image.from_documents(built.manifests[0].body, config.body, index=top.body, reference="quay.io/a/b:1")
    assert (
        rows(image)["besides"]
        == "2 attestations, 2 manifests without a platform, 1 artifact of type application/spdx+json"
    )
    assert rows(image)["index"] == f"{image.digest}  linux/amd64"
    assert "besides" not in rows(make_image(platforms=["linux/amd64"]))


def test_the_size_by_platform() -> None:
    assert "size" not in rows(make_image(platforms=["linux/amd64"]))
    image = make_image("quay.io/a/b:1", platforms=["linux/amd64", "linux/arm64/v8"], layers=2)
    size = readable_size(image.layers_size)
    assert rows(image)["size"] == f"{size} for linux/amd64; --all-platforms has every platform's"
    assert sizes([("linux/amd64", None), ("linux/arm64/v8", image)]).splitlines() == [
        "size by platform",
        f"  linux/amd64     {'not read':>8}",
        f"  linux/arm64/v8  {size:>8}  2 layers",
    ]


def test_colour_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    image = make_image()
    assert "\x1b" not in summary(image)
    assert "\x1b[1mregistry.example/app:latest\x1b[0m" in summary(image, colour=True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert summaries.colour_wanted()
    monkeypatch.setenv("NO_COLOR", "1")
    assert not summaries.colour_wanted()
