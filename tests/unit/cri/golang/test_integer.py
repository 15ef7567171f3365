"""Integers in texts, as strconv.ParseInt takes them, however long."""

from __future__ import annotations

import pytest

from pycoco.cri import image_status, runtime_config
from pycoco.cri.golang.integer import atoi, parse_int
from tests.unit.cri import samples

LONG = "9" * 5000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("-0", 0),
        ("+7", 7),
        ("007", 7),
        ("0" * 5000 + "7", 7),
        (str(2**63 - 1), 2**63 - 1),
        (str(-(2**63)), -(2**63)),
        (str(2**63), None),
        (LONG, None),
        *((text, None) for text in ("", "-", "+-1", " 1", "1 ", "1\n", "1_0", "0x1", "1.0", "\u0661")),
    ],
)
def test_what_is_an_integer(text: str, expected: int | None) -> None:
    assert parse_int(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("7", 7), ("", 0), ("x", 0), ("1_0", 0), (LONG, 2**63 - 1), ("+" + LONG, 2**63 - 1), ("-" + LONG, -(2**63))],
)
def test_what_is_left_of_one_beside_its_error(text: str, expected: int) -> None:
    assert atoi(text) == expected


def test_a_user_of_more_digits_than_python_converts_is_a_name() -> None:
    image = samples.image({"User": LONG})
    assert image_status(image).username == LONG
    config = runtime_config(image)
    assert (config.user.resolved, config.needs_passwd) == (False, True)
    assert image_status(samples.image({"User": "0" * 5000 + "8"})).uid == 8


def test_such_a_stop_signal_is_unknown() -> None:
    assert runtime_config(samples.image({"StopSignal": LONG})).stop_signal == 15
