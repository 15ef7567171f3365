"""What `pycoco inspect --format` prints: fields, tables, and errors for what there is not."""

from __future__ import annotations

import csv
import json

import pytest

import pycoco
from pycoco.cli.batch.formats import FIELDS, Format, fields_of
from pycoco.cli.usage import UsageError
from pycoco.testing import make_image

REFERENCE = "quay.io/acme/app:v1"
LABELS = {"maintainer": "me, you", "org.opencontainers.image.source": "https://x.example"}
IMAGE = make_image(REFERENCE, labels=LABELS, env=["A=1", "A=2"], user="1000", cmd=["serve"], layers=2)
FAILED = pycoco.NotFoundError("manifest unknown", status=404)


@pytest.mark.parametrize(
    ("wanted", "line"),
    [
        ("{digest}", IMAGE.digest),
        ("{requested} {labels[maintainer]}", f"{REFERENCE} me, you"),
        ("{labels[org.opencontainers.image.source]}", "https://x.example"),
        ("{labels[none]}|", "|"),
        ("{env[A]} {user} {os}/{architecture}", "2 1000 linux/amd64"),
        ("{created}", "2024-01-01T00:00:00Z"),
        ("{repository}", "quay.io/acme/app"),
        ("{layers[0][digest]}", IMAGE.layers[0].digest),
        ("{layers[9][digest]}|", "|"),
        ("{config.config.Cmd}", '["serve"]'),
        ("{index}|", "|"),
        ("{encrypted}", "false"),
        ("{digest:.12}", IMAGE.digest[:12]),
        ("{{{user}}}", "{1000}"),
    ],
)
def test_fields(wanted: str, line: str) -> None:
    assert Format(wanted).line(REFERENCE, IMAGE) == line


@pytest.mark.parametrize("wanted", ["{nonsense}", "{digest.__class__}", "no field", "{digest", "{0}", "{}"])
def test_what_is_no_format(wanted: str) -> None:
    if wanted == "{digest.__class__}":  # a key that a text does not have; no attribute is in reach
        assert Format(wanted).line(REFERENCE, IMAGE) == ""
        return
    with pytest.raises(UsageError, match="--format"):
        Format(wanted)


def test_every_field_is_there() -> None:
    assert set(FIELDS) == set(fields_of(REFERENCE, IMAGE))


@pytest.mark.parametrize(("name", "delimiter"), [("csv", ","), ("tsv", "\t")])
def test_separated_values(name: str, delimiter: str) -> None:
    chosen = Format(name)
    lines = [str(chosen.heading), str(chosen.line("a,b\tc", IMAGE)), str(chosen.line(REFERENCE, FAILED))]
    read = list(csv.DictReader(lines, delimiter=delimiter))
    assert read[0]["requested"] == "a,b\tc"
    assert (read[0]["digest"], read[0]["layers"], read[0]["encrypted"]) == (IMAGE.digest, "2", "false")
    assert (read[1]["digest"], read[1]["error"]) == ("", "not_found")


def test_a_table() -> None:
    chosen = Format("table")
    heading, line = str(chosen.heading), str(chosen.line(REFERENCE, IMAGE))
    assert heading.index("digest") == line.index("sha256:")
    assert heading.index("platform") == line.index("linux/amd64")


def test_json() -> None:
    assert json.loads(str(Format("json").line(REFERENCE, FAILED)))["error"] == "not_found"


def test_a_failure_has_no_place_in_fields() -> None:
    assert Format("{digest}").line(REFERENCE, FAILED) is None
