"""One page of a repository's tags, and where the next one is.

It is not for following the pages (see `answers.tag_pages`). Mirrors GetRepositoryTags of containers/image
docker/docker_image.go: what a registry lists that is no tag is passed over if it is empty or a digest, else an error.
"""

from __future__ import annotations

import json
import re

from pycoco._pattern import pattern
from pycoco.backends.python.network import turns
from pycoco.backends.python.registry.distribution_error import failure
from pycoco.backends.python.registry.endpoints import Endpoint
from pycoco.backends.python.registry.page_links import next_page
from pycoco.documents import digest as digests
from pycoco.documents.syntax import encoding_json
from pycoco.errors import RegistryError, TooLargeError, UnavailableError

PAGE_SIZE = 1000
"""Tags to ask for at once: as many as ECR lets one ask for. A registry may give fewer, or all there are."""

PAGE_LIMIT = 32 * 1024 * 1024
"""Bytes of a page, at most: some registries know no pages, and have a million tags on the first."""

PAGE_VALUES = 2_000_000
"""Values on a page, at most: tags, and what GCR lists beside them. A small one takes far more memory than its bytes."""

_TAG = pattern(r"\w[\w.-]{0,127}", re.ASCII)
_CUT_ESCAPE = pattern(r"\\u[0-9a-fA-F]{0,4}")
_CUT_NUMBER = pattern(r"[0-9](?:\.|(?:\.[0-9]+)?[eE][-+]?)\Z", re.ASCII)


async def read_page(endpoint: Endpoint, page: str) -> tuple[tuple[str, ...], str]:
    """Return the tags of a page, and the next page, "" at the end; `page` "" is the first.

    Raises RegistryError and its kin for an answer that is of no use, TooLargeError for one that is too large.
    """
    what = f"the tags of {endpoint.reference.rpartition(':')[0]}"
    path = page or f"/v2/{endpoint.path}/tags/list?n={PAGE_SIZE}"
    answer = await endpoint.registry.get(path, endpoint.access)
    if answer.status != 200:
        raise await failure(answer)
    link = answer.header("link") or ""
    body = await answer.read(PAGE_LIMIT)
    return await turns.check(body, lambda: _tags(body, what)), next_page(link, what)


def _tags(body: bytes, what: str) -> tuple[str, ...]:
    if body.count(b",") > PAGE_VALUES:
        raise TooLargeError(f"{what}: the registry has more than {PAGE_VALUES:,} values on one page; it is refused")
    listed: list[encoding_json.Value] = []
    try:
        document = encoding_json.parse_first(body, ("Tags",))
        for key, value in encoding_json.pairs(document):
            if encoding_json.field(key, ("Tags",)) and value is not None:
                listed = _list(value)
            elif encoding_json.field(key, ("Tags",)):
                listed = []
    except ValueError as error:
        if _ends_early(error):  # io.EOF and io.ErrUnexpectedEOF, which mean a broken connection everywhere else
            raise UnavailableError(f"{what}: the registry's answer ends in the middle", retryable=True) from None
        raise RegistryError(f"{what}: the registry's answer is not the JSON object that it should be") from None
    return tuple(tag for tag in (_tag(each, what) for each in listed) if tag)


def _ends_early(error: ValueError) -> bool:
    """Whether JSON could not be parsed because there is no more of it."""
    if not isinstance(error, json.JSONDecodeError):
        return False
    rest = error.doc[error.pos :].strip(" \t\r\n")
    if error.msg.startswith("Expecting value") and any(
        word.startswith(rest) for word in ("true", "false", "null", "-")
    ):
        return True
    if error.msg.startswith("Invalid \\uXXXX escape"):
        last = error.doc.rfind("\\")
        return error.pos > last and _CUT_ESCAPE.fullmatch(error.doc, last) is not None
    number = _CUT_NUMBER.search(error.doc)
    if number is not None and number.start() < error.pos:  # Python has taken what is whole of it for the number
        return True
    return error.msg.startswith("Unterminated string") or not rest


def _list(value: encoding_json.Value) -> list[encoding_json.Value]:
    if not isinstance(value, list):
        raise ValueError("not an array")
    if not all(each is None or encoding_json.is_text(each) for each in value):
        raise ValueError("a tag that is no text")
    return value


def _tag(value: encoding_json.Value, what: str) -> str:
    """The tag, "" for what is to be passed over: null and "" (Sonatype Nexus), digests (JFrog Artifactory)."""
    text = str(value or "")
    if not text or digests.is_valid(text):
        return ""
    if _TAG.fullmatch(text) is None:
        raise RegistryError(f"{what}: the registry lists {text[:150]!r}, which is no tag")
    return text
