"""time.Time.MarshalJSON: what Go writes of a time that it has read."""

from __future__ import annotations

import pytest

from pycoco.cri.golang.time import marshal_time
from pycoco.documents.syntax.timestamps import is_timestamp


@pytest.mark.parametrize(
    ("read", "written"),
    [
        ("2024-05-06T07:08:09Z", "2024-05-06T07:08:09Z"),
        ("2024-05-06T07:08:09,5Z", "2024-05-06T07:08:09.5Z"),
        ("2024-05-06T07:08:09.1234567891Z", "2024-05-06T07:08:09.123456789Z"),
        ("2024-05-06T07:08:09.0000000004Z", "2024-05-06T07:08:09Z"),
        ("2024-05-06T07:08:09.500Z", "2024-05-06T07:08:09.5Z"),
        ("2024-05-06T7:08:09Z", "2024-05-06T07:08:09Z"),
        ("2024-05-06T07:08:09-00:00", "2024-05-06T07:08:09Z"),
        ("2024-05-06T07:08:09+00:00", "2024-05-06T07:08:09Z"),
        ("2024-05-06T07:08:09+02:00", "2024-05-06T07:08:09+02:00"),
        ("2024-05-06T07:08:09-05:60", "2024-05-06T07:08:09-06:00"),
        ("2024-05-06T07:08:09+23:59", "2024-05-06T07:08:09+23:59"),
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
    ],
)
def test_times(read: str, written: str) -> None:
    assert is_timestamp(read)
    assert marshal_time(read) == written


@pytest.mark.parametrize("offset", ["+24:00", "-24:60", "+23:60"])
def test_an_offset_of_a_day_is_read_and_not_written(offset: str) -> None:
    text = f"2024-05-06T07:08:09{offset}"
    assert is_timestamp(text)
    with pytest.raises(ValueError, match="a day or more"):
        marshal_time(text)


def test_what_is_no_time() -> None:
    with pytest.raises(ValueError, match="not a time"):
        marshal_time("yesterday")
