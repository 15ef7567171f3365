"""Which proxy a request goes through, by the rules of Go's net/http.ProxyFromEnvironment.

It is not for connecting to one. The rules are those of golang.org/x/net/http/httpproxy as Go 1.27 vendors it: where a
variable is set in both cases the upper-case one counts (golang.org/x/net v0.59 has that the other way round).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import TypeAlias

from pycoco._dataclass import dataclass
from pycoco._pattern import pattern
from pycoco.configuration.urls import BROKEN_ESCAPE, CONTROL, SCHEME, USERINFO
from pycoco.errors import ConfigurationError

_IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
_IPNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_DEFAULT_PORTS = {"http": "80", "https": "443"}
_PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
_OPTIONAL_PORT = pattern(r"(?::[0-9]*)?", re.ASCII)
# What a host may hold unescaped (net/url, shouldEscape with encodeHost); beyond ASCII everything passes.
_HOST = pattern(r"(?:[A-Za-z0-9\-._~!$&'()*+,;=:\[\]<>\"]|[^\x00-\x7f]|%[89A-Fa-f][0-9A-Fa-f]|%25)*", re.ASCII)


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """Return the proxy for an absolute http or https `url`, such as "http://proxy:3128", or None for none.

    `environ` is the client's environment: HTTP_PROXY, HTTPS_PROXY, NO_PROXY and their lower-case forms; ALL_PROXY is
    not read. A value without a scheme is http. Raises ConfigurationError where the value applies but cannot be parsed
    (httpproxy would go without a proxy), names no host or port, or a scheme other than http, https, socks5 and socks5h
    (net/http would fail to connect), and where HTTP_PROXY would apply but REQUEST_METHOD is set, since a CGI program's
    HTTP_PROXY may come from whoever sent the request.
    """
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    if scheme not in _DEFAULT_PORTS:
        return None
    variable = scheme.upper() + "_PROXY"
    value = _either_case(environ, variable)
    if not value:
        return None
    if scheme == "http" and environ.get("REQUEST_METHOD"):
        raise ConfigurationError("HTTP_PROXY is not used while REQUEST_METHOD is set: unset one of them.")
    host, port = _host_and_port(rest, scheme)
    if not _use_proxy(host, port, _either_case(environ, "NO_PROXY")):
        return None
    proxy = _proxy_url(value)
    if proxy is None or not _is_proxy(proxy):
        # The value may hold a password: it is not repeated.
        raise ConfigurationError(f"{variable} is not the URL of an http, https or socks5 proxy: correct or unset it.")
    return proxy


def _either_case(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.lower()) or ""


def _use_proxy(host: str, port: str, no_proxy: str) -> bool:
    if host == "localhost":
        return False
    address = _address(host)
    if address is not None and _is_loopback(address):
        return False
    rules = [rule for text in no_proxy.split(",") if (rule := _Rule.parse(text)) is not None]
    return not any(rule.matches(host.strip().lower(), port, address) for rule in rules)


@dataclass(frozen=True, slots=True)
class _Rule:
    """One entry of NO_PROXY: everything, a network, an address or a domain, the last two perhaps with a port."""

    everything: bool = False
    network: _IPNetwork | None = None
    address: _IPAddress | None = None
    domain: str = ""  # starts with "."
    subdomains_only: bool = False
    port: str = ""

    @classmethod
    def parse(cls, text: str) -> _Rule | None:
        text = text.strip().lower()
        if not text or text == "*":
            return cls(everything=True) if text else None
        network = _network(text)
        if network is not None:
            return cls(network=network)
        host, port = _split_port(text)
        address = _unzoned_address(host)
        if address is not None:
            return cls(address=address, port=port)
        if host.startswith("*."):
            host = host[1:]
        if not host:
            return None
        subdomains_only = host.startswith(".")
        return cls(domain="." + _ascii(host.removeprefix(".")), subdomains_only=subdomains_only, port=port)

    def matches(self, host: str, port: str, address: _IPAddress | None) -> bool:
        if self.everything:
            return True
        if self.network is not None:
            return address is not None and _within(address, self.network)
        if self.address is not None:
            return address is not None and _plain(address) == _plain(self.address) and self.port in ("", port)
        # A host that is an address is never taken for a domain's.
        matched = host.endswith(self.domain) or (not self.subdomains_only and host == self.domain[1:])
        return address is None and matched and self.port in ("", port)


def _host_and_port(rest: str, scheme: str) -> tuple[str, str]:
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
    if authority.startswith("["):
        host, _, port = authority[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = authority.partition(":")
    return _ascii(host), port or _DEFAULT_PORTS[scheme]


def _split_port(text: str) -> tuple[str, str]:
    # net.SplitHostPort, and the text as it is where that would fail.
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if bracket and rest.startswith(":") and not set("[]:") & set(host + rest[1:]) - {":"} and ":" not in rest[1:]:
            return host, rest[1:]
        return text, ""
    host, colon, port = text.rpartition(":")
    if not colon or ":" in host or set("[]") & set(text):
        return text, ""
    return host, port


def _is_proxy(url: str) -> bool:
    """Whether net/http could connect to it, which tries whatever was parsed (isProxy in go/internal/configuration)."""
    scheme, host = _parse(url) or ("", "")
    port = re.search(":([0-9]+)$", host, re.ASCII)
    # "http://[::1" becomes "http://http://[::1", whose host is "http", and whose path begins with //.
    path = url.partition("://")[2].partition("/")[2]
    return (
        scheme in _PROXY_SCHEMES
        and not host.startswith(":")
        and bool(host)
        and not set('"<>') & set(host)
        and not path.startswith("/")
        and (port is None or int(port[1][:6]) <= 65535)
    )


def _proxy_url(value: str) -> str | None:
    """Return the URL that `value` means (parseProxy), or None for one that Go would not parse."""
    parsed = _parse(value)
    if parsed is None or not parsed[0] or not parsed[1]:
        with_scheme = "http://" + value
        if _parse(with_scheme) is not None:
            return with_scheme
    return value if parsed is not None else None


def _parse(url: str) -> tuple[str, str] | None:
    """Return the scheme and authority of `url`, or None where net/url.Parse gives an error."""
    url, _, fragment = url.partition("#")
    if CONTROL.search(url) or url.startswith(":") or BROKEN_ESCAPE.search(fragment):
        return None
    match = SCHEME.match(url)
    scheme, rest = (match[1].lower(), url[match.end() :]) if match else ("", url)
    rest = rest.partition("?")[0]
    if not rest.startswith("/"):
        relative = ":" not in rest.partition("/")[0] and not BROKEN_ESCAPE.search(rest)
        return (scheme, "") if scheme or relative else None
    authority = ""
    if rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        rest = slash + path
    userinfo, at, host = authority.rpartition("@")
    if at and (not USERINFO.fullmatch(userinfo) or BROKEN_ESCAPE.search(userinfo)):
        return None
    return (scheme, host) if _is_host(host, scheme) and not BROKEN_ESCAPE.search(rest) else None


def _is_host(host: str, scheme: str) -> bool:
    if _HOST.fullmatch(host) is None and "%25" not in host:
        return False
    bracket = host.rfind("[")
    if bracket > 0:
        return False
    if bracket == 0:
        literal, closed, port = host[1:].rpartition("]")
        address = _address(literal.replace("%25", "%", 1))
        return bool(closed) and isinstance(address, ipaddress.IPv6Address) and bool(_OPTIONAL_PORT.fullmatch(port))
    first, last = host.find(":"), host.rfind(":")
    if first < 0:
        return True
    return _OPTIONAL_PORT.fullmatch(host[first if scheme in ("http", "https") else last :]) is not None


def _ascii(host: str) -> str:
    if host.isascii():
        return host
    try:
        # Browsers' mapping (UTS 46) and this differ only for letters that no registered name holds.
        return host.lower().encode("idna").decode("ascii")
    except UnicodeError:
        return host


def _address(text: str) -> _IPAddress | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _unzoned_address(text: str) -> _IPAddress | None:
    return None if "%" in text else _address(text)


def _network(text: str) -> _IPNetwork | None:
    # net.ParseCIDR: an address, "/" and a number of bits, never a mask.
    address, slash, bits = text.partition("/")
    if not slash or re.fullmatch(r"[0-9]{1,3}", bits, re.ASCII) is None or "%" in address:
        return None
    try:
        network = ipaddress.ip_network(f"{address}/{int(bits)}", strict=False)
    except ValueError:
        return None
    mapped = _plain(network.network_address)
    if network.version == 6 and mapped.version == 4:
        return ipaddress.ip_network(f"{mapped}/{network.prefixlen - 96}")
    return network


def _plain(address: _IPAddress) -> _IPAddress:
    # Go holds ::ffff:1.2.3.4 and 1.2.3.4 for equal, and compares no zones.
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or ipaddress.IPv6Address(int(address))
    return address


def _within(address: _IPAddress, network: _IPNetwork) -> bool:
    plain = _plain(address)
    return plain.version == network.version and plain in network


def _is_loopback(address: _IPAddress) -> bool:
    return _plain(address).is_loopback
