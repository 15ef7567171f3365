"""Lists of tags, row by row: the same tags from both backends, or the same class of error.

It is not for real registries (tests/end_to_end), nor for lists drawn at random (parity/drawn). Rows follow
GetRepositoryTags of containers/image docker/docker_image.go.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.parity import readings
from tests.parity.authenticating import CREDS, TOO_MANY
from tests.parity.fetching import encoded, sha256
from tests.parity.matrix.reading_rows import (
    MIRRORED,
    TAGS,
    Row,
    guarded,
)
from tests.support.scripted_registry import Answer, Request, Route, Script


def pages(*links: str) -> Callable[[], Script]:
    """A registry whose pages of tags have these Links, one after the other; the last has none."""

    def make() -> Script:
        count = 0

        def script(request: Request) -> Answer:
            nonlocal count
            if request.path == "/v2/":
                return Answer()
            at, count = count, count + 1
            headers = [("Link", links[at].replace("HOST", request.header("Host") or ""))] if at < len(links) else []
            return Answer(headers=headers, body=json.dumps({"name": "app", "tags": [f"v{at}"]}).encode())

        return script

    return make


def listing(body: bytes, status: int = 200, **headers: str) -> dict[str, Route]:
    """A registry with this as its list of tags."""
    return {"/v2/": Answer(), TAGS: Answer(status, list(headers.items()), body)}


LIST = [
    Row("cut within a word", readings.tags("app"), (listing(b'{"name":"app","tags":t'),), "UnavailableError"),
    Row("one page", readings.tags("app"), (listing(b'{"name":"app","tags":["b","a"]}'),), answer=["b", "a"]),
    Row(
        "pages as distribution links them",
        readings.tags("app"),
        (pages('</v2/app/tags/list?last=v0&n=1>; rel="next"', '</v2/app/tags/list?last=v1&n=1>; rel="next"'),),
        answer=["v0", "v1", "v2"],
    ),
    Row(
        "pages as ECR links them",
        readings.tags("app"),
        (pages('<https://123.dkr.ecr.invalid/v2/app/tags/list?last=djA%3D&n=1000>; rel="next"'),),
        answer=["v0", "v1"],
    ),
    Row(
        "pages as Quay links them",
        readings.tags("app"),
        (pages('</v2/app/tags/list?n=100&next_page=gAAAAABm%3D%3D>; rel="next"'),),
        answer=["v0", "v1"],
    ),
    Row("a Link without brackets", readings.tags("app"), (pages("/v2/app/tags/list?last=v0"),), answer=["v0", "v1"]),
    Row(
        "a Link with a host and no scheme",
        readings.tags("app"),
        (pages("<//elsewhere.invalid/v2/app/tags/list?a>"),),
        answer=["v0", "v1"],
    ),
    Row(
        "another path of the registry", readings.tags("app"), (pages("</v2/_other/list?last=v0>"),), answer=["v0", "v1"]
    ),
    *(
        Row(f"a Link to {link[:40]}", readings.tags("app"), (pages(link),), "RegistryError")
        for link in (
            "<.elsewhere.invalid/v2/>",
            "<tags/list?last=v0>",
            "<?last=v0>",
            "<0/v2/app/tags/list>",
            "<@elsewhere.invalid/v2/app/tags/list>",
            "<%zz>",
            "<:>",
            "</%zz>",
            "</v2/app/tags/list?last=" + "x" * 9000 + ">",
            "</>",
        )
    ),
    Row(
        "a Link to the page itself",
        readings.tags("app"),
        (pages(*["</v2/app/tags/list?last=v0>"] * 20),),
        "RegistryError",
    ),
    Row(
        "Links in a circle",
        readings.tags("app"),
        (pages(*["</v2/app/tags/list?last=a>", "</v2/app/tags/list?last=b>"] * 10),),
        "RegistryError",
    ),
    Row("no tags", readings.tags("app"), (listing(b'{"name":"app","tags":null}'),), answer=[]),
    Row("null", readings.tags("app"), (listing(b"null"),), answer=[]),
    Row("other keys in another case", readings.tags("app"), (listing(b'{"NAME":1,"TAGS":["a"]}'),), answer=["a"]),
    Row("what follows the list", readings.tags("app"), (listing(b'{"tags":["a"]} and more'),), answer=["a"]),
    Row("null and empty tags", readings.tags("app"), (listing(b'{"tags":[null,"","a"]}'),), answer=["a"]),
    Row(
        "a digest among the tags", readings.tags("app"), (listing(encoded({"tags": [sha256(b""), "a"]})),), answer=["a"]
    ),
    *(
        Row(f"the list {body!r}", readings.tags("app"), (listing(body),), "RegistryError")
        for body in (
            b"[]",
            b'{"tags":"a"}',
            b'{"tags":[1]}',
            b'{"tags":["a b"]}',
            b'{"tags":["-a"]}',
            b'{"tags":{}}',
            b"no",
            b'{"n":"\\u12zz \\u',
            b'{"n":1.x',
        )
    ),
    *(
        Row(f"the list that stops at {body!r}", readings.tags("app"), (listing(body),), "UnavailableError")
        for body in (
            b"",
            b'{"tags":["a"',
            b'{"tags":["a',
            b'{"tags":',
            b" ",
            b'{"tags":["\\u',
            b'{"tags":["\\u0061',
            b'{"n":1.',
            b'{"n":[1.5e+',
        )
    ),
    *(
        Row(f"tags with status {status}", readings.tags("app"), (listing(body, status),), error)
        for status, body, error in (
            (404, b'{"errors":[{"code":"NAME_UNKNOWN"}]}', "NotFoundError"),
            (404, b"", "NotFoundError"),
            (403, b"", "DeniedError"),
            (405, b"", "RegistryError"),
            (500, b"", "UnavailableError"),
        )
    ),
    Row("tags with a token", readings.tags("app"), (guarded(),), answer=["a"]),
    Row(
        "tags with a password", readings.tags("app"), (guarded(scheme="Basic"),), options={"creds": CREDS}, answer=["a"]
    ),
    Row(
        "too many requests for tags",
        readings.tags("app"),
        ({"/v2/": Answer(), TAGS: [TOO_MANY, TOO_MANY, Answer(body=b'{"tags":["a"]}')]},),
        answer=["a"],
    ),
    Row(
        "no mirror is asked",
        readings.tags("app"),
        (listing(b"no"), listing(b'{"tags":["a"]}')),
        conf=MIRRORED,
        answer=["a"],
    ),
    Row(
        "nor another location",
        readings.tags("app"),
        (listing(b"no"), listing(b'{"tags":["a"]}')),
        conf='[[registry]]\nprefix = "host1"\nlocation = "host0"\n',
        answer=["a"],
    ),
    Row(
        "tags of a blocked registry",
        readings.tags("app"),
        (listing(b'{"tags":["a"]}'),),
        "BlockedError",
        conf='[[registry]]\nlocation = "host0"\nblocked = true\n',
        lines=[],
    ),
]


@pytest.mark.parametrize("row", LIST, ids=str)
def test_both_list_the_same(row: Row, tmp_path: Path) -> None:
    for reading in row.read(tmp_path):
        if row.error:
            assert isinstance(reading.value, dict), reading.value
            assert reading.value["error"] == row.error, reading.error
        else:
            assert reading.value == [f"registry{len(row.tables) - 1}/app", row.answer], reading.error
        if row.lines is not None:
            assert reading.lines == row.lines
