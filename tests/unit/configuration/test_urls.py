"""URLs of headers mean what Go's net/url makes of them.

It is not for whether they may be followed (see test_registry.py). Every row was compared with net/url of Go 1.26.
"""

from __future__ import annotations

import pytest

from pycoco.configuration.urls import absolute_url

BASE = "https://h.io:5000/v2/a/b?x=1"


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/z", "https://h.io:5000/z"),
        ("z", "https://h.io:5000/v2/a/z"),
        ("../../../z", "https://h.io:5000/z"),
        ("/a/./b/../c/", "https://h.io:5000/a/c/"),
        ("/a//b", "https://h.io:5000/a//b"),
        ("/a/..", "https://h.io:5000/"),
        (".", "https://h.io:5000/v2/a/"),
        ("", "https://h.io:5000/v2/a/b?x=1"),
        ("#f", "https://h.io:5000/v2/a/b?x=1"),
        ("?", "https://h.io:5000/v2/a/b?"),
        ("?q=2", "https://h.io:5000/v2/a/b?q=2"),
        ("//", "https://h.io:5000/v2/a/b?x=1"),
        ("//c.io", "https://c.io"),
        ("//c.io/z?q#f", "https://c.io/z?q"),
        ("///z", "https://h.io:5000///z"),
        ("HTTP://C.io/z", "http://C.io/z"),
        ("http://c.io", "http://c.io"),
        ("http://[::1]:80/z", "http://[::1]:80/z"),
        ("http://u:p@c.io/z", "http://u:p@c.io/z"),
        ('/z?"<>\\^`{|} &a=%zz', 'https://h.io:5000/z?"<>\\^`{|} &a=%zz'),
        ("/z?\u00fc", "https://h.io:5000/z?%C3%BC"),
        ("/z z|%2f", "https://h.io:5000/z%20z%7C/"),
        ("/z%2fz", "https://h.io:5000/z%2fz"),
        ("/\u00fc", "https://h.io:5000/%C3%BC"),
        ("/z!'()*[]", "https://h.io:5000/z!'()*[]"),
        ("/a:b", "https://h.io:5000/a:b"),
        ("c/a:b", "https://h.io:5000/v2/a/c/a:b"),
    ],
)
def test_resolved(location: str, url: str) -> None:
    assert absolute_url(BASE, location) == url


@pytest.mark.parametrize(
    "location",
    [
        "https:/z",
        "https:z",
        "https:",
        "https://",
        "https:///z",
        "://c.io/",
        ":",
        "c.io:80/z",
        "ftp://c.io/z",
        "file:///z",
        "/z%zz",
        "/z%",
        "/z#%zz",
        "/z\x01",
        "/z\x7f",
        "https://c.io:x/z",
        "https://c.io:99999/z",
        "https://[::1/z",
        "https://c .io/z",
        "https://a b@c.io/z",
        "https://@/z",
    ],
)
def test_no_url(location: str) -> None:
    assert absolute_url(BASE, location) is None


@pytest.mark.parametrize("location", ["/token", "//c.io/token", "token", "", "?a=b"])
def test_without_a_base_only_absolute_ones_count(location: str) -> None:
    assert absolute_url("", location) is None
