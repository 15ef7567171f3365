"""What a registry's answer with an error means: every status with every body gives both backends the same class.

containers/image takes the class from the body's first error where it can read one, and hides the status then
(docker/distribution_error.go, docker/errors.go); both backends follow it, and both say `retryable` alike.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.parity.fetching import fetch_from, fetch_single, mirrored, routes, single
from tests.support.scripted_registry import Answer, Route, Routes

STATUSES = (400, 401, 403, 404, 405, 416, 429, 451, 499, 500, 503)


def errors(*codes: str, message: str = "m") -> str:
    """A body as the distribution specification has it."""
    entries = ",".join(f'{{"code":"{code}","message":"{message}"}}' for code in codes)
    return f'{{"errors":[{entries}]}}'


BODIES = {
    "empty": "",
    "text": "no such thing",
    "html": "<html>not found</html>",
    "longer than is read": '{"errors":[{"code":"DENIED"}],"more":"' + "x" * 65536 + '"}',
    "spaces after what is read": errors("DENIED") + " " * 65536,
    "empty object": "{}",
    "null": "null",
    "array": "[]",
    "number": "1",
    "no errors": '{"errors":[]}',
    "errors null": '{"errors":null}',
    "errors object": '{"errors":{}}',
    "error null": '{"errors":[null]}',
    "error empty": '{"errors":[{}]}',
    "error text": '{"errors":["UNKNOWN"]}',
    "code a number": '{"errors":[{"code":7}]}',
    "code empty": '{"errors":[{"code":""}]}',
    "code in lower case": errors("manifest_unknown"),
    **{
        code: errors(code)
        for code in (
            "UNKNOWN",
            "UNSUPPORTED",
            "UNAUTHORIZED",
            "DENIED",
            "UNAVAILABLE",
            "TOOMANYREQUESTS",
            "NAME_UNKNOWN",
            "NAME_INVALID",
            "MANIFEST_UNKNOWN",
            "MANIFEST_BLOB_UNKNOWN",
            "MANIFEST_INVALID",
            "MANIFEST_UNVERIFIED",
            "BLOB_UNKNOWN",
            "TAG_INVALID",
            "DIGEST_INVALID",
            "SIZE_INVALID",
            "NOT_FOUND",
            "TAG_EXPIRED",
            "NONSENSE",
        )
    },
    "unknown but not found": errors("UNKNOWN", message="artifact demo/image Not Found"),
    "nonsense but not found": errors("NOT_FOUND", message="artifact demo/image not found"),
    "denied but not found": errors("DENIED", message="not found"),
    "the first counts": errors("DENIED", "MANIFEST_UNKNOWN"),
    "the first counts, too": errors("MANIFEST_UNKNOWN", "DENIED"),
    "other case of keys": '{"ERRORS":[{"Code":"DENIED"}]}',
    "trailing": errors("DENIED") + "x",
    **{
        f"denied, with {levels} levels": '{"errors":[{"code":"DENIED","detail":'
        + "[" * levels
        + '"\\u00e9"'
        + "]" * levels
        + "}]}"
        for levels in (600, 9_996, 9_998, 12_000)
    },
    "no message": '{"errors":[{"code":"DENIED"}]}',
    "message null": '{"errors":[{"code":"DENIED","message":null}]}',
    "message a number": '{"errors":[{"code":"DENIED","message":1}]}',
    "detail": '{"errors":[{"code":"UNKNOWN","message":"m","detail":"not found"}]}',
    "details": '{"details":"gone"}',
    "details not found": '{"details":"was not found"}',
    "details empty": '{"details":"","errors":[{"code":"DENIED"}]}',
    "details a list": '{"details":["x"],"errors":[{"code":"DENIED"}]}',
    "details beside errors": '{"details":"x","errors":[{"code":"DENIED"}]}',
}
CHALLENGES = {
    "": (),
    "invalid token": ('Bearer realm="r",error="invalid_token"',),
    "insufficient": ('Bearer realm="r",error="insufficient_scope"',),
    "basic": ('Basic realm="r",error="invalid_token"',),
    "both": ('Basic realm="r"', 'Bearer realm="r",error="insufficient_scope",error_description="no"'),
}


@pytest.mark.parametrize(
    ("where", "status"),
    [*(("manifest", status) for status in STATUSES), ("config", 401), ("config", 404), ("config", 503)],
)
def test_status_and_body(where: str, status: int, tmp_path: Path) -> None:
    differing = []
    for name, body in BODIES.items():
        # Retry-After matters to 429 alone, which is asked again.
        answer = Answer(status, [("Retry-After", "0")], body.encode())
        differing += difference(tmp_path, where, answer, name)
    assert differing == []


@pytest.mark.parametrize("status", [401, 403])
def test_bearer_challenges_in_the_answer(status: int, tmp_path: Path) -> None:
    differing = []
    for (name, challenge), body in itertools.product(CHALLENGES.items(), ("empty", "DENIED", "MANIFEST_UNKNOWN")):
        headers = [("WWW-Authenticate", line) for line in challenge]
        answer = Answer(status, headers, BODIES[body].encode())
        differing += difference(tmp_path, "manifest", answer, f"{name}, {body}")
    assert differing == []


def difference(home: Path, where: str, answer: Answer, name: str) -> list[str]:
    """What the backends make differently of one answer."""
    changed: dict[str, Route] = {where: answer}
    table = single().routes(**changed)
    outcomes = fetch_single(home, routes(table), same=False)
    made = [(outcome.kind, getattr(outcome.error, "retryable", None)) for outcome in outcomes]
    return [] if made[0] == made[1] else [f"{name}: Go {made[0]} ({outcomes.go.error}), Python {made[1]}"]


def test_a_mirrors_words_are_not_the_primarys(tmp_path: Path) -> None:
    answers = [Answer(404, body=errors("UNKNOWN", message=text).encode()) for text in ("not found", "no idea")]
    scripts = [Routes({"/v2/": Answer(), "/v2/app/manifests/v1": answer}) for answer in answers]
    both = fetch_from(lambda: scripts, lambda *_: "q.invalid/app:v1", mirrored(tmp_path))
    assert both.kind == "RegistryError"
    assert all("not found" in str(outcome.error) for outcome in both)
