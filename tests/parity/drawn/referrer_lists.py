"""Lists of referrers from registries drawn at random: what must hold of them, whatever a registry answers.

There is one implementation for both backends, and none to compare it with: each referrer is told once and as it was
found, a type that is asked for finds what there is of it, nothing is asked for but what the specification names, and
the same answers lead to the same error. It is not for rows that a person wrote (tests/unit/python/test_referrers.py).
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pycoco.backends.python.backend import PythonBackend
from pycoco.documents import digest as digests
from pycoco.documents import referrers
from pycoco.documents.referrers import Referrer
from pycoco.errors import BackendError, PycocoError
from tests.parity.fetching import encoded, settings, sha256
from tests.support.media_types import DOCKER_LIST, DOCKER_MANIFEST, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST
from tests.support.scripted_registry import Answer, Request, ScriptedRegistry

_SUBJECT = encoded(
    {
        "schemaVersion": 2,
        "mediaType": OCI_INDEX,
        "manifests": [
            {
                "mediaType": OCI_MANIFEST,
                "digest": "sha256:" + "a" * 64,
                "size": 1,
                "annotations": {
                    "vnd.docker.reference.type": "attestation-manifest",
                    "vnd.docker.reference.digest": "sha256:" + "b" * 64,
                },
            }
        ],
    }
)
_DIGEST = sha256(_SUBJECT)
_API = f"/v2/app/referrers/{_DIGEST}"
_TAG = f"/v2/app/manifests/{_DIGEST.replace(':', '-')}"
_TAGS = ("", ".sig", ".att", ".sbom")
_ASKED = re.compile(
    rf"/v2/(?:app/manifests/v1)?|{re.escape(_API)}.*|{re.escape(_TAG)}(?:\.sig|\.att|\.sbom)?|/v2/other.*"
)
_TYPES = ("a/b", "a/b", "c/d", "", None, 5)
_MEDIA_TYPES = (OCI_MANIFEST, OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST, "text/html", "", OCI_CONFIG)
_DIGESTS = (*("sha256:" + letter * 64 for letter in "aacde"), "sha512:" + "1" * 128, "sha256:../x", "", None, 5)
_STATUSES = (404, 404, 400, 406, 401, 403, 405, 429, 500, 204)
_LINKS = (
    "",
    f"<{_API}?page=PAGE>",
    f"<{_API}?page=PAGE>",
    f"<http://elsewhere.invalid{_API}?PAGE>",
    f"<{_API}>",
    "</v2/other?PAGE>",
    "<.x/>",
)


@dataclass(frozen=True)
class Drawn:
    """A registry's answers: to the API's pages, one after the other, and to the four tags."""

    pages: tuple[Answer, ...]
    tags: tuple[Answer, ...]

    def __call__(self, request: Request) -> Answer:
        if request.path == "/v2/":
            return Answer(body=b"{}")
        if request.path == "/v2/app/manifests/v1":
            return Answer(headers=[("Content-Type", OCI_INDEX)], body=_SUBJECT)
        for suffix, answer in zip(_TAGS, self.tags, strict=True):
            if request.path == _TAG + suffix:
                return answer
        page = re.search(r"([0-9]+)$", request.target.partition("?")[2])
        return self.pages[min(int(page[1]) if page else 0, len(self.pages) - 1)]


def draw(drawn: random.Random) -> Drawn:
    """A registry."""
    count = drawn.randint(1, 3)
    following = [number + 1 if number + 1 < count or _is_odd(drawn) else 0 for number in range(count)]
    pages = tuple(_answer(drawn, is_list=True, page=page) for page in following)
    tags = (_answer(drawn, is_list=not suffix) if drawn.random() < 0.4 else Answer(404) for suffix in _TAGS)
    return Drawn(pages, tuple(tags))


def fault(drawn: Drawn, home: Path) -> str | None:
    """What does not hold of a registry's referrers, None for nothing."""
    try:
        with ScriptedRegistry(drawn) as registry:
            whole, only = (_read(registry, home, artifact_type) for artifact_type in (None, "a/b"))
            _check(registry, whole, only)
    except AssertionError as error:
        answers = "\n  ".join(
            f"{each.status} {list(each.headers)} {each.body!r}" for each in (*drawn.pages, *drawn.tags)
        )
        return f"{error}\nThe answers to the API and to the tags:\n  {answers}"
    return None


def _read(registry: ScriptedRegistry, home: Path, artifact_type: str | None) -> tuple[Referrer, ...] | PycocoError:
    session = PythonBackend().open(settings(home))
    try:
        return session.referrers(f"{registry.host}/app:v1", artifact_type=artifact_type, timeout=20).result(25)
    except PycocoError as error:
        return error
    finally:
        session.close()


def _check(
    registry: ScriptedRegistry, whole: tuple[Referrer, ...] | PycocoError, only: tuple[Referrer, ...] | PycocoError
) -> None:
    strange = [line for line in registry.lines if _ASKED.fullmatch(line.removeprefix("GET ").partition("?")[0]) is None]
    assert not strange, f"asked: {strange}"
    for found in (whole, only):
        if isinstance(found, PycocoError):
            assert not isinstance(found, BackendError), repr(found)
            continue
        assert len({each.digest for each in found}) == len(found), "one is told twice"
        for each in found:
            assert digests.is_valid(each.digest), each
            assert each.found, each
            assert set(each.found) <= set(referrers.FOUND), each
            assert not each.tag or {referrers.REFERRERS_TAG, referrers.COSIGN_TAG} & set(each.found), each
            assert json.loads(json.dumps(each.to_dict()))["digest"] == each.digest
    if isinstance(whole, PycocoError) or isinstance(only, PycocoError):
        assert type(whole) is type(only), f"{whole!r} without a type, {only!r} with one"
        return
    assert only == tuple(each for each in whole if each.artifact_type == "a/b"), "a type asked for finds others"


def _answer(drawn: random.Random, *, is_list: bool, page: int = 0) -> Answer:
    status = drawn.choice(_STATUSES) if drawn.random() < 0.25 else 200
    headers = [
        ("Content-Type", drawn.choice(_MEDIA_TYPES) if _is_odd(drawn) else OCI_INDEX if is_list else OCI_MANIFEST)
    ]
    if page and (link := drawn.choice(_LINKS)):
        headers.append(("Link", link.replace("PAGE", str(page))))
    if status == 429:
        headers.append(("Retry-After", "0"))
    return Answer(status, headers, b"" if status == 204 else _body(drawn, is_list != _is_odd(drawn)))


def _body(drawn: random.Random, is_list: bool) -> bytes:
    document: dict[str, Any] = {"schemaVersion": 2}
    if is_list:
        document["manifests"] = [_entry(drawn) for _ in range(drawn.randint(0, 4))]
    else:
        document |= {"config": _entry(drawn), "layers": [], "artifactType": drawn.choice(_TYPES)}
    if _is_odd(drawn):
        document[drawn.choice(("mediaType", "annotations", "subject", "manifests", "layers"))] = drawn.choice(
            _MEDIA_TYPES
        )
    body = encoded(document)
    return body[: drawn.randrange(len(body))] if _is_odd(drawn) else body


def _entry(drawn: random.Random) -> dict[str, Any]:
    usual = not _is_odd(drawn)
    return {
        "mediaType": OCI_MANIFEST if usual else drawn.choice(_MEDIA_TYPES),
        "digest": drawn.choice(_DIGESTS[:6] if usual else _DIGESTS),
        "size": 1 if usual else drawn.choice((0, -1, 1.5, None, 2**63)),
        "artifactType": drawn.choice(_TYPES[:4] if usual else _TYPES),
        "annotations": {"a": "b"} if usual else drawn.choice((None, {}, {"a": None}, {"a": 1}, [])),
    }


def _is_odd(drawn: random.Random) -> bool:
    return drawn.random() < 0.08
