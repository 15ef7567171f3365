"""What notebooks show of values: tables whose texts are strangers', so bounded and escaped."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

import pycoco
from pycoco.backends.contract import Resolved
from pycoco.explanation import ExplainedCandidate, ExplainedSource
from pycoco.introspection.notebook import LINES, table
from pycoco.testing import make_image

SCRIPT = "<script>alert('\x1b[2J\u202e')</script>"


def rows(html: str) -> dict[str, list[str]]:
    """A table's rows, by name, line by line as they stand in the HTML."""
    found = re.findall(r"<tr><th>([^<]*)</th><td>((?:[^<]|<br>)*)</td></tr>", html)
    return {name: cell.split("<br>") for name, cell in found}


def source(reference: str, **changes: object) -> ExplainedSource:
    plain = ExplainedSource(reference, False, False, False, "", "", "", "", (), ())
    return replace(plain, **changes)  # type: ignore[arg-type]


EXPLANATION = pycoco.Explanation(
    reference="acme/app:v1",
    registries_files=("/etc/containers/registries.conf",),
    candidates=(
        ExplainedCandidate(
            *("quay.io/acme/app:v1", "alias", "/etc/a.conf", "", "", None),
            (source("mirror.example/acme/app:v1", mirror=True, insecure=True), source("quay.io/acme/app:v1")),
            *((), "default", (), ()),
        ),
    ),
    policy="default",
    requirements=("accepts anything",),
    policy_checked=False,
    platforms=("linux/amd64",),
)


def test_an_image() -> None:
    image = make_image(
        "quay.io/acme/app:v1",
        platforms=["linux/amd64", "linux/arm64"],
        labels={"team": "blue"},
        entrypoint=["/entry"],
        cmd=["serve"],
        layers=2,
        encrypted=True,
    )
    shown = rows(image._repr_html_())
    assert shown["reference"] == ["quay.io/acme/app:v1"]
    assert (shown["digest"], shown["instance"]) == ([image.digest], [image.instance_digest])
    assert shown["layers"] == [f"2, {image.layers_size:,} bytes, 2 of them encrypted"]
    assert shown["runs"] == ["/entry", "serve"]
    assert shown["labels"] == ["team=blue"]
    assert "policy" not in shown


def test_what_is_resolved() -> None:
    resolved = Resolved("quay.io/a/b:v1", "mirror.io/a/b:v1", "sha256:" + "0" * 64, size=12345)
    shown = rows(resolved._repr_html_())
    assert shown == {
        "reference": ["quay.io/a/b:v1"],
        "pull source": ["mirror.io/a/b:v1"],
        "digest": ["sha256:" + "0" * 64],
        "size": ["12,345 bytes"],
        "by": ["HEAD"],
    }


def test_an_explanation() -> None:
    shown = rows(EXPLANATION._repr_html_())
    assert shown["candidate 1"] == ["quay.io/acme/app:v1 (alias /etc/a.conf)"]
    assert shown["tried"] == [
        "mirror.example/acme/app:v1: mirror, insecure, no credentials",
        "quay.io/acme/app:v1: no credentials",
    ]
    assert shown["policy"] == ["default", "accepts anything"]
    assert repr(EXPLANATION) == "<Explanation acme/app:v1: quay.io/acme/app:v1>"


@pytest.mark.parametrize(
    "value",
    [
        make_image("quay.io/a/b:v1", labels={SCRIPT: SCRIPT}, entrypoint=[SCRIPT], layers=0),
        Resolved(SCRIPT, SCRIPT, SCRIPT, SCRIPT),
        replace(EXPLANATION, reference=SCRIPT, policy=SCRIPT, requirements=(SCRIPT,), registries_files=(SCRIPT,)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_strangers_text_is_escaped(value: pycoco.Image | Resolved | pycoco.Explanation) -> None:
    html = value._repr_html_()
    assert "&lt;script&gt;" in html
    assert re.findall(r"<(?!/?(?:table|caption|tr|th|td|br)>)", html) == []
    assert html.isprintable()


def test_much_is_bounded() -> None:
    many = make_image("quay.io/a/b:v1", labels={f"label{number}": "v" * 4_000 for number in range(1000)})
    html = many._repr_html_()
    assert rows(html)["labels"][-1] == f"and {1000 - LINES} more"
    assert len(html) < 20_000
    assert len(repr(many)) < 200


def test_what_is_empty_is_left_out() -> None:
    assert table("T", [("a", ""), ("b", []), ("c", ["x", ""])]) == (
        "<table><caption>T</caption><tr><th>c</th><td>x</td></tr></table>"
    )


def test_an_image_of_its_json_form_is_shown_too() -> None:
    image = make_image("quay.io/a/b:v1")
    again = pycoco.Image.from_dict(json.loads(json.dumps(image.to_dict())))
    assert again._repr_html_() == image._repr_html_()
