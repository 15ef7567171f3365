"""Odd stores and odd images: whatever is written, c/storage still reads the store."""

from __future__ import annotations

import contextlib
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pycoco.errors import LayoutError, ManifestError
from pycoco.node.service.standalone import Standalone
from pycoco.node.storage.image_record import image_record
from pycoco.node.storage.image_store import ImageStore
from pycoco.options import Options
from tests.strategies import image_configs, json_documents
from tests.strategies.choices import Choices
from tests.support.node.storage_tool import DRIVER, empty_store, listed, loader
from tests.unit.layout.samples import dump, sample, sha256

PROGRAMS = ("storagetool",)

COUNT = 1000

_VALUES: dict[str, tuple[Any, ...]] = {
    "id": ("", "ab", "AB" * 32, "../x", 1, None, "\ud800"),
    "digest": ("", "sha256:ab", "sha256:" + "A" * 64, "md5:" + "a" * 32, "sha512:" + "a" * 128, 1, None),
    "names": ([], ["quay.io/acme/app:v1"], [""], [None], [1], "quay.io/acme/app:v1", {}, None),
    "names-history": ([1], [None], "x", None),
    "layer": ("", "ab" * 32, 5, None),
    "mapped-layers": (["a"], [5], "a"),
    "metadata": ("", "{", {}, None),
    "big-data-names": ([], ["manifest"], ["x", 1], {"a": 1}),
    "big-data-sizes": ({"manifest": 2**63}, {"manifest": -1}, {"manifest": 1.5}, {"manifest": "1"}, [], None),
    "big-data-digests": ({"manifest": "x"}, {"manifest": None}, {"other": "x"}, {"manifest-": 5}, [], None),
    "created": ("2024-05-06", "0000-01-01T00:00:00Z", "2024-01-01T1:00:00Z", "2024-01-01T00:00:00+24:00", "", 5, None),
    "flags": ({"a": [1]}, [], "x", None),
    "new-field": (1e308, {"a": {"b": [1, 2.50]}}, None),
}


def _choices(number: int) -> Choices:
    return Choices(random.Random(number).randbytes(400))


def _odd_images_json(choices: Choices, whole: bytes) -> bytes:
    records = json.loads(whole)
    for record in records:
        for _ in range(choices.below(3)):
            name = choices.pick(tuple(_VALUES))
            record[name] = choices.pick(_VALUES[name])
    if choices.chance(6):
        records.append(choices.pick((None, {}, [], "x", records[0])))
    body = json.dumps(records).encode()
    return json_documents.spoilt(choices, body) if choices.chance(3) else body


def test_what_is_written_into_an_odd_store_can_be_read(tmp_path: Path) -> None:
    root = empty_store(tmp_path)
    store, path = ImageStore(root, DRIVER), root / f"{DRIVER}-images" / "images.json"
    for mark in ("a", "b"):
        store.register(image_record(sample(mark=mark, index=True)), [f"quay.io/acme/{mark}:v1"])
    whole, record = path.read_bytes(), image_record(sample(mark="new"))
    written = 0
    with loader(root) as load:
        for number in range(COUNT):
            odd = _odd_images_json(_choices(number), whole)
            path.write_bytes(odd)
            try:
                store.register(record, ["quay.io/acme/app:v1"])
            except LayoutError:
                assert path.read_bytes() == odd
            else:
                written += 1
                assert load() == "ok", (number, odd, path.read_bytes())
    assert 100 < written < COUNT - 100


def test_odd_images_are_refused_or_recorded_so_that_they_can_be_read(tmp_path: Path) -> None:
    root = empty_store(tmp_path)
    store, whole = ImageStore(root, DRIVER), sample()
    recorded = {}
    for number in range(COUNT):
        config = image_configs.build(_choices(number))
        manifest = json.loads(whole.raw_manifest)
        manifest["config"] |= {"digest": sha256(config), "size": len(config)}
        image = replace(whole, raw_config=config, raw_manifest=dump(manifest))
        with contextlib.suppress(ManifestError):
            recorded[store.register(image_record(image), [f"quay.io/acme/app:v{number}"]).id] = config

    found = listed(root)

    assert len(recorded) > 100
    assert {image_id: found[image_id]["bytes"][sha256(config)] for image_id, config in recorded.items()} == recorded


def test_a_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LayoutError, match="cannot keep images in"):
        Standalone(str(tmp_path / "file"), Options())
