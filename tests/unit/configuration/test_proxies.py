"""Which proxy a request goes through: one row for each rule of Go's httpproxy."""

from __future__ import annotations

import pytest

from pycoco.configuration.proxies import proxy_for
from pycoco.errors import ConfigurationError

PROXY = "http://proxy.test:3128"

VARIABLES = [
    ("none set", "https://quay.io/v2/", {}, None),
    ("https", "https://quay.io/v2/", {"HTTPS_PROXY": PROXY}, PROXY),
    ("http", "http://quay.io/v2/", {"HTTP_PROXY": PROXY}, PROXY),
    ("http is not for https", "https://quay.io/v2/", {"HTTP_PROXY": PROXY}, None),
    ("https is not for http", "http://quay.io/v2/", {"HTTPS_PROXY": PROXY}, None),
    ("lower case", "https://quay.io/v2/", {"https_proxy": PROXY}, PROXY),
    ("upper case counts", "https://quay.io/v2/", {"HTTPS_PROXY": PROXY, "https_proxy": "http://other"}, PROXY),
    ("empty upper case does not", "https://quay.io/v2/", {"HTTPS_PROXY": "", "https_proxy": PROXY}, PROXY),
    ("mixed case is not read", "https://quay.io/v2/", {"Https_Proxy": PROXY}, None),
    ("ALL_PROXY is not read", "https://quay.io/v2/", {"ALL_PROXY": PROXY, "all_proxy": PROXY}, None),
    ("scheme of the URL in upper case", "HTTPS://quay.io/v2/", {"HTTPS_PROXY": PROXY}, PROXY),
    ("neither http nor https", "ftp://quay.io/v2/", {"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY}, None),
    ("REQUEST_METHOD is about http", "https://quay.io/", {"HTTPS_PROXY": PROXY, "REQUEST_METHOD": "GET"}, PROXY),
    ("empty REQUEST_METHOD", "http://quay.io/", {"HTTP_PROXY": PROXY, "REQUEST_METHOD": ""}, PROXY),
]

VALUES = [
    ("proxy.test:3128", "http://proxy.test:3128"),
    ("proxy.test", "http://proxy.test"),
    ("u:p@proxy.test:1", "http://u:p@proxy.test:1"),
    ("https://u:p@proxy.test", "https://u:p@proxy.test"),
    ("socks5://proxy.test", "socks5://proxy.test"),
    ("socks5h://proxy.test:1080", "socks5h://proxy.test:1080"),
    ("http://[::1]:3128", "http://[::1]:3128"),
    ("1.2.3.4:80", "http://1.2.3.4:80"),
]

LOOPBACK = [
    "https://localhost/v2/",
    "https://localhost:5000/v2/",
    "https://127.0.0.1:5000/v2/",
    "https://127.9.8.7/v2/",
    "https://[::1]:5000/v2/",
    "https://[::ffff:127.0.0.1]/v2/",
]

NO_PROXY = [
    # host[:port] of the request, NO_PROXY, whether the proxy is used
    ("quay.io", "", True),
    ("quay.io", "*", False),
    ("quay.io", "a.test,*", False),
    ("quay.io", "quay.io", False),
    ("quay.io", " QUAY.io ", False),
    ("QUAY.IO", "quay.io", False),
    ("cdn.quay.io", "quay.io", False),
    ("notquay.io", "quay.io", True),
    ("quay.io", ".quay.io", True),
    ("cdn.quay.io", ".quay.io", False),
    ("cdn.quay.io", "*.quay.io", False),
    ("quay.io", "*.quay.io", True),
    ("quay.io", "io", False),
    ("quay.io.", "quay.io", True),
    ("quay.io", "quay.io:443", False),
    ("quay.io:5000", "quay.io:443", True),
    ("quay.io:5000", "quay.io:5000", False),
    ("quay.io", ":443", True),
    ("quay.io", "a.test, ,quay.io", False),
    ("10.1.2.3", "10.1.2.3", False),
    ("10.1.2.3:5000", "10.1.2.3:443", True),
    ("10.1.2.3:5000", "10.1.2.3:5000", False),
    ("10.1.2.3", "10.0.0.0/8", False),
    ("11.1.2.3", "10.0.0.0/8", True),
    ("10.1.2.3", "10.1.2.3/33", True),
    ("10.1.2.3", "10.0.0.0/255.0.0.0", True),
    ("10.1.2.3", "2.3", True),
    ("10.1.2.3", "::ffff:10.0.0.0/104", False),
    ("[::ffff:10.1.2.3]", "10.1.2.3", False),
    ("[fe80::1]", "fe80::1", False),
    ("[fe80::1]:5000", "[fe80::1]:5000", False),
    ("[fe80::1]", "[fe80::1]:5000", True),
    ("[fe80::1]", "[fe80::1]", True),
    ("[fe80::1]", "fe80::/10", False),
    ("bücher.test", "bücher.test", False),
    ("bücher.test", "xn--bcher-kva.test", False),
    ("x.localhost", "localhost", False),
    ("x.localhost", "", True),
]


@pytest.mark.parametrize(("url", "environ", "expected"), [row[1:] for row in VARIABLES], ids=[r[0] for r in VARIABLES])
def test_variables(url: str, environ: dict[str, str], expected: str | None) -> None:
    assert proxy_for(url, environ) == expected


@pytest.mark.parametrize(("value", "expected"), VALUES)
def test_values(value: str, expected: str | None) -> None:
    assert proxy_for("https://quay.io/v2/", {"HTTPS_PROXY": value}) == expected


@pytest.mark.parametrize("url", LOOPBACK)
def test_loopback_is_never_proxied(url: str) -> None:
    assert proxy_for(url, {"HTTPS_PROXY": PROXY}) is None


@pytest.mark.parametrize(("host", "no_proxy", "proxied"), NO_PROXY)
def test_no_proxy(host: str, no_proxy: str, proxied: bool) -> None:
    found = proxy_for(f"https://{host}/v2/", {"HTTPS_PROXY": PROXY, "NO_PROXY": no_proxy})
    assert found == (PROXY if proxied else None)


def test_no_proxy_in_lower_case() -> None:
    assert proxy_for("https://quay.io", {"HTTPS_PROXY": PROXY, "no_proxy": "quay.io"}) is None
    assert proxy_for("https://quay.io", {"HTTPS_PROXY": PROXY, "NO_PROXY": "a.test", "no_proxy": "quay.io"}) == PROXY


def test_user_information_in_the_url_is_not_its_host() -> None:
    environ = {"HTTPS_PROXY": PROXY, "NO_PROXY": "quay.io"}
    assert proxy_for("https://quay.io@evil.test/v2/", environ) == PROXY
    assert proxy_for("https://quay.io?x", environ) is None


def test_http_proxy_of_a_cgi_program_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="REQUEST_METHOD"):
        proxy_for("http://quay.io/", {"HTTP_PROXY": PROXY, "REQUEST_METHOD": "GET"})


UNUSABLE = [
    "a secret",
    "//secret",
    "proxy.test:secret",
    "u:p%zz@secret",
    "ftp://u:secret@proxy.test",
    "http://u:secret@[::1",
    "http://u:secret@proxy.test:port",
    # What net/url cannot parse, with http:// before it or without, httpproxy would go without.
    "http://u:secret\x01@proxy.test",
    "[::1",
    "1.2.3.4:port",
    r"http://CORP\u:secret@proxy.test",
    '"http://u:secret@proxy.test"',
    '"u:secret@proxy.test"',
    "http://u:secret@proxy.test:65536",
    "http://u:secret@proxy.test:99999999999999999999",
    "http://u:secret@:3128",
]


@pytest.mark.parametrize("value", UNUSABLE)
def test_a_proxy_that_cannot_be_used_is_an_error_without_its_secret(value: str) -> None:
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY is not the URL") as caught:
        proxy_for("https://quay.io/", {"HTTPS_PROXY": value})
    assert "secret" not in str(caught.value)
    assert proxy_for("https://quay.io/", {"HTTPS_PROXY": value, "NO_PROXY": "*"}) is None
