"""Rows: whatever registries serve and a client takes for an image can be held by the table."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given

from pycoco.client import Client
from pycoco.documents import image_config, manifest, media_types
from pycoco.documents.index import Index
from pycoco.errors import BackendError, ManifestError, NoMatchingPlatformError, PycocoError
from pycoco.fleet import reading, rows
from pycoco.fleet.schema import COLUMNS, arrow_schema
from pycoco.image import Image
from pycoco.testing import FakeRegistry
from tests.fleet.tables import require_module
from tests.strategies import image_configs, indexes, manifests
from tests.unit.test_image import FETCHED, SINGLE, encode

WHEN = datetime(2024, 1, 1, tzinfo=timezone.utc)


def held(answer: Any) -> list[dict[str, Any]]:
    """The rows of an answer, from the table."""
    same = rows.row(0, "quay.io/app", WHEN, 0.1, "python")
    made = [same | each for each in reading._columns(answer, True)]
    table = require_module("pyarrow").Table.from_pylist(made, schema=arrow_schema(True))
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def is_config(document: bytes) -> bool:
    """Whether an image is made of a document at all: no other has a row."""
    try:
        image_config.check(document, SINGLE.instance_media_type, media_types.OCI_CONFIG)
    except PycocoError:
        return False
    return True


def media_type_of(document: bytes, content_type: str) -> str:
    """The type a document is read as; "" for one that no image is made of, which has no row."""
    try:
        return manifest.check(document, content_type, schema1=True).media_type
    except PycocoError:
        return ""


@given(image_configs.image_configs().strategy, manifests.served_manifests().strategy)
def test_every_image_fits(configs: tuple[bytes, ...], served: manifests.ServedManifest) -> None:
    for config in configs:
        if is_config(config):
            held(Image.from_fetched(replace(SINGLE, config=config), "app"))
    fetched = replace(SINGLE, instance_manifest=served.document, top_manifest=served.document)
    for content_type in {SINGLE.instance_media_type, *(kind for kind, _ in served.readings)}:
        media_type = media_type_of(served.document, content_type)
        if media_type:
            held(Image.from_fetched(replace(fetched, instance_media_type=media_type, media_type=media_type), "app"))


@given(indexes.asked_indexes().strategy)
def test_every_index_fits(asked: indexes.AskedIndex) -> None:
    if not media_type_of(asked.document, FETCHED.media_type):
        return
    held(Image.from_fetched(replace(FETCHED, top_manifest=asked.document), "app"))
    error = NoMatchingPlatformError(
        "none", media_type=FETCHED.media_type, raw_manifest=asked.document, digest="sha256:0"
    )
    held(error)


@pytest.mark.parametrize(
    "sizes", [[2**63 - 1, 2**63 - 1], [-(2**63), -(2**63)], [-1], [0]], ids=["large", "below", "negative", "none"]
)
def test_sizes_without_measure(sizes: list[int]) -> None:
    layers = [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": "sha256:0", "size": n} for n in sizes]
    manifest = json.loads(FETCHED.instance_manifest) | {"layers": layers}
    (row,) = held(Image.from_fetched(replace(FETCHED, instance_manifest=encode(manifest)), "app"))
    if row["error_code"] is None:
        assert row["layers_size"] in (sum(sizes), None)


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        ("0001-01-01T00:00:00+23:59", None),
        ("0001-01-01T00:00:00Z", None),
        ("9999-12-31T23:59:59-23:59", None),
        ("2024-05-06T07:08:09.123456789+02:00", datetime(2024, 5, 6, 5, 8, 9, 123456, tzinfo=timezone.utc)),
        ("1900-01-01T00:00:00Z", datetime(1900, 1, 1, tzinfo=timezone.utc)),
    ],
)
def test_times_without_measure(created: str, expected: datetime | None) -> None:
    (row,) = held(Image.from_fetched(replace(SINGLE, config=encode({"created": created})), "app"))
    assert row["created"] == expected


def test_a_fault_of_ones_own_costs_one_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(answer: object, *, raw: bool) -> rows.Row:
        raise RecursionError("too deep")

    monkeypatch.setattr(rows, "image_columns", failing)
    (row,) = held(Image.from_fetched(SINGLE, "app"))
    assert row["error_code"] == BackendError.code
    assert "RecursionError: too deep); please report it" in row["error_message"]


def test_an_error_that_registries_wrote_is_bounded() -> None:
    (row,) = held(ManifestError("\ud800<script>\n" + "x" * 1_000_000))
    assert len(row["error_message"]) <= 2000
    assert "\n" not in row["error_message"]


def test_every_column_is_filled_by_something(pycoco_registry: FakeRegistry) -> None:
    """By an image, or by an error: a column that nothing fills would be a promise that is not kept."""
    with Client(tls_verify=False, timeout=30) as client:
        single = pycoco_registry.image("team/app:v1")
        answers: list[Image | PycocoError] = [client.inspect(single), Image.from_fetched(FETCHED, "app")]
        pycoco_registry.limit(0, retry_after=7200)
        answers += [result for _, result in client.inspect_many([single])]
    filled = {name for answer in answers for row in held(answer) for name, value in row.items() if value is not None}
    assert {name for name, _, _ in COLUMNS} - filled == set()


def test_the_platforms_of_an_index_are_those_that_it_has() -> None:
    (row,) = held(Image.from_fetched(FETCHED, "app"))
    index = Index.from_bytes(FETCHED.top_manifest, FETCHED.media_type)
    assert row["platforms"] == [str(platform) for platform in index.platforms]
