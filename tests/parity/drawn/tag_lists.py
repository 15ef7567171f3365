"""Both backends read lists of tags from registries drawn at random: the same tags, or the same class of error.

It is not for rows that a person wrote (parity/matrix/test_other_readings.py), nor for images (see `scripted_fetch`).
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

from tests.parity import readings
from tests.parity.fetching import settings
from tests.parity.readings import read_from
from tests.support.scripted_registry import Answer, Request, Script

_PATH = "/v2/app/tags/list"
_LINKS = (
    "",
    "",
    f"<{_PATH}?last=PAGE>",
    f'<{_PATH}?n=10&last=PAGE>; rel="next"',
    f'<http://elsewhere.invalid{_PATH}?last=PAGE>; rel="next"',
    f"<//HOST{_PATH}?last=PAGE>",
    f"{_PATH}?last=PAGE",
    f'<{_PATH}?last=PAGE>; rel="next", <{_PATH}?last=0>; rel="first"',
    f"<{_PATH}?last=SAME>",
    "<?last=PAGE>",
    "<list?last=PAGE>",
    "<.invalid/>",
    "<:80/>",
    "<>",
    ";",
    "</%2>",
    "</v2/%61pp/tags/list?last=PAGE>",
    "<#x>",
    f"<{_PATH}?last=PAGE#x>",
    f"<{_PATH}?last=%zz&PAGE>",
    f"<{_PATH}?a;b=PAGE>",
    "</a b?PAGE>",
    f"<http://user@HOST{_PATH}?PAGE>",
)
_STATUSES = (200, 200, 200, 200, 200, 200, 200, 200, 404, 401, 403, 500, 429, 204, 206, 304)
_TAGS = (
    "v1",
    "latest",
    "_x",
    "a" * 128,
    "",
    "a" * 129,
    "-a",
    ".a",
    "a b",
    "ä",
    "sha256:" + "a" * 64,
    "sha256:a",
    "A.b-c",
)
_VALUES: tuple[object, ...] = (None, 1, True, [], {}, "v1", ["v1"], 1.5)


@dataclass(frozen=True)
class Page:
    """One answer to a request for tags."""

    status: int
    link: str
    body: bytes

    def __str__(self) -> str:
        return f"Page({self.status}, {self.link!r}, {self.body!r})"


def draw(drawn: random.Random) -> tuple[Page, ...]:
    """Some pages; the last one's answer is given for every later request."""
    return tuple(_page(drawn, number) for number in range(drawn.randint(1, 4)))


def difference(pages: tuple[Page, ...], home: Path) -> str | None:
    """What the backends differ in, None for nothing."""
    try:
        read_from(lambda: [_script(pages)], lambda _: settings(home), readings.tags("app"))
    except AssertionError as error:
        return f"{error}\nThe pages:\n  " + "\n  ".join(map(str, pages))
    return None


def _page(drawn: random.Random, number: int) -> Page:
    link = drawn.choice(_LINKS).replace("PAGE", str(number + 1)).replace("SAME", "0")
    return Page(drawn.choice(_STATUSES), link, _body(drawn))


def _body(drawn: random.Random) -> bytes:
    tags: list[object] = [drawn.choice(_TAGS[:4]) for _ in range(drawn.randint(0, 4))]
    if drawn.random() < 0.2:
        tags.append(drawn.choice(_TAGS))
    if drawn.random() < 0.1:
        tags.append(drawn.choice(_VALUES))
    key = drawn.choice(("tags", "tags", "tags", "tags", "Tags", "TAGS", "tag\u017f", "names"))
    document: dict[str, object] = {"name": "app", key: tags if drawn.random() < 0.9 else drawn.choice(_VALUES)}
    body = json.dumps(document, ensure_ascii=drawn.random() < 0.5).encode()
    if drawn.random() < 0.1:
        body = body[: drawn.randrange(len(body) + 1)]
    if drawn.random() < 0.1:
        at = drawn.randrange(len(body) + 1)
        body = body[:at] + drawn.choice((b'"', b"}", b"\\", b"\xff", b"\x00", b",", b"{", b'"tags":["b"],')) + body[at:]
    if drawn.random() < 0.05:
        body += drawn.choice((b" ", b"x", b"{}", b"]"))
    return body


def _script(pages: tuple[Page, ...]) -> Script:
    asked: list[str] = []

    def answer(request: Request) -> Answer:
        if request.path == "/v2/":
            return Answer(body=b"{}")
        if request.target not in asked[-1:]:  # who asks again for the same gets the same
            asked.append(request.target)
        page = pages[min(len(asked), len(pages)) - 1]
        link = page.link.replace("HOST", request.header("Host") or "")
        headers = [("Link", link)] if link else []
        if page.status == 429:
            headers.append(("Retry-After", "0"))
        return Answer(page.status, headers, b"" if page.status in (204, 304) else page.body)

    return answer
