"""Strangers' text in messages, logs and rows: bounded, and nothing in it that moves a cursor or misleads."""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
import re
import unicodedata

import pytest

import pycoco
from pycoco import errors
from pycoco.cli.summary import summary
from pycoco.printable import LIMIT, get_logger, printable, printable_json
from tests.support.tools import ROOT

UNFIT = ["\x1b[2J", "a\nb", "\r", "\x00", "\x7f", "\x9b31m", "\u2028", "\u2029", "\u202e", "\u2066", "\u200b", "\ud800"]


@pytest.mark.parametrize("text", UNFIT)
def test_unfit_characters_are_escaped(text: str) -> None:
    shown = printable(text)
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert shown.encode("ascii").decode("unicode_escape") == text


@pytest.mark.parametrize("text", ["", "plain", "größer, 镜像, ◆", "a" * LIMIT])
def test_other_text_stays(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize("text", ["a" * 10_000_000, "\x1b" * 10_000_000, "a" * (LIMIT + 1), "\x1b" * 501])
def test_long_text_is_bounded_and_its_ends_stay(text: str) -> None:
    shown = printable("begin" + text + "end")
    assert len(shown) <= LIMIT
    assert shown.startswith("begin")
    assert shown.endswith("end")
    assert printable(shown) == shown


def _classes() -> list[type[pycoco.PycocoError]]:
    return list({id(cls): cls for cls in vars(errors).values() if _is_error(cls)}.values())


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, pycoco.PycocoError)


@pytest.mark.parametrize("cls", _classes())
def test_every_error_is_made_so(cls: type[pycoco.PycocoError]) -> None:
    error = cls("begin \x1b" + "x" * 10_000_000)
    assert str(error) == error.message == error.args[0]
    assert str(error).startswith("begin \\x1b")
    assert len(str(error)) <= LIMIT
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(other) is cls
        assert str(other) == str(error)
    error.message += "\n" + "y" * 5000
    assert str(error) == error.args[0]
    assert len(str(error)) <= LIMIT
    assert "\n" not in str(error)


def test_what_an_error_holds_beside_its_message() -> None:
    error = pycoco.RegistryError("no", url="https://h/" + "\x1b" * 5000, spec_code="C" * 5000)
    assert error.url is not None
    assert error.spec_code is not None
    assert "\x1b" not in error.url
    assert max(len(error.url), len(error.spec_code)) <= LIMIT


def test_records(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        get_logger("pycoco.test").warning("%s and %d", "\x1b]0;title\x07" + "x" * 100_000, 7)
    assert caplog.messages[0].startswith("\\x1b]0;title\\x07")
    assert caplog.messages[0].endswith("and 7")
    assert len(caplog.messages[0]) <= LIMIT


def test_tracebacks_in_records() -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    logger = get_logger("pycoco.test.traceback")
    logger.addHandler(handler)
    try:
        raise ValueError("\x1b[31m\n" + "x" * 100_000 + "the end")
    except ValueError:
        logger.exception("no\x1b")
    finally:
        logger.removeHandler(handler)
    message, traceback = written.getvalue().splitlines()
    assert message == "no\\x1b"
    assert traceback.startswith("Traceback (most recent call last)")
    assert traceback.endswith("the end")
    assert len(traceback) <= LIMIT
    assert "\x1b" not in traceback


MAY_ASK_LOGGING = {
    "pycoco/cli/__init__.py": "sets levels",
    "pycoco/cli/serve.py": "sets a handler",
    "pycoco/node/service/events.py": "writes JSON, which must stay whole",
}


def test_every_logger_makes_such_records() -> None:
    pattern = re.compile(r'getLogger\((__name__|"pycoco)')
    found = {path for path in (ROOT / "pycoco").rglob("*.py") if pattern.search(path.read_text())}
    assert {path.relative_to(ROOT).as_posix() for path in found} == set(MAY_ASK_LOGGING)


def test_rows_of_a_summary() -> None:
    config = b'{"architecture":"amd64","os":"linux","config":{"Cmd":["\\u001b[2J\\u202e%s"],"User":"a\\nb"}}' % (
        b"x" * 100_000
    )
    text = summary(_image(config))
    assert len(text.splitlines()) == 9
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert max(map(len, text.splitlines())) <= LIMIT + 20


def _image(config: bytes) -> pycoco.Image:
    import hashlib
    import json

    from pycoco.backends.contract import Fetched
    from tests.support.media_types import OCI_CONFIG, OCI_MANIFEST

    digest = "sha256:" + hashlib.sha256(config).hexdigest()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIG, "digest": digest, "size": len(config)},
            "layers": [],
        }
    ).encode()
    fetched = Fetched(
        reference="quay.io/a/b:v1",
        pull_source="mirror.io/a/b:v1",
        digest="sha256:" + hashlib.sha256(manifest).hexdigest(),
        media_type=OCI_MANIFEST,
        top_manifest=manifest,
        instance_digest="",
        instance_media_type="",
        instance_manifest=b"",
        config_digest=digest,
        config=config,
    )
    return pycoco.Image.from_fetched(fetched, "quay.io/a/b:v1")


def test_json_says_the_same_without_what_moves_a_cursor() -> None:
    text = "a\x1b[2J\x7f\x9b31m\u202e\u2028\U000e0041 \u00e9\u4e2d\U0001f600"
    for indent in (None, 2):
        written = json.dumps({text: [text]}, ensure_ascii=False, indent=indent)
        shown = printable_json(written)
        assert json.loads(shown) == {text: [text]}
        assert [line for line in shown.split("\n") if printable(line) != line] == []
        assert "\u00e9\u4e2d\U0001f600" in shown
