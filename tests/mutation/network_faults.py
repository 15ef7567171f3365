"""Faults of what crosses the network: credentials, redirects, bounds, waiting.

It is not for planting them (see `__main__`).
"""

from __future__ import annotations

from tests.mutation.fault import Fault

FETCH = "tests/parity/drawn/test_scripted_fetch.py"
DRAWN = f"{FETCH}::test_backends_agree_on_drawn_behaviour"
MATRIX = "tests/parity/matrix/test_protocol.py"
KEPT = f"{FETCH}::test_kept_visits"
CONNECTIONS = "tests/unit/python/test_fetch_connections.py"

NETWORK_FAULTS = (
    Fault(
        "credentials kept on a redirect to another host",
        "backends/python/network/redirects.py",
        "    if host == parent:\n        return True",
        "    if host or parent:\n        return True",
        (KEPT,),
    ),
    Fault(
        "credentials kept on a redirect to another host, by drawn behaviour alone",
        "backends/python/network/redirects.py",
        "    if host == parent:\n        return True",
        "    if host or parent:\n        return True",
        (DRAWN,),
    ),
    Fault(
        "credentials back again after a detour by another host",
        "backends/python/network/redirects.py",
        "authorization=current.authorization if keep else None",
        "authorization=first.authorization if keeps_authorization(first.url, url) else None",
        (KEPT,),
    ),
    Fault(
        "a redirect from https to http followed",
        "backends/python/network/redirects.py",
        'check_target(url, f"{shown} redirects", plain_http=plain_http)',
        'check_target(url, f"{shown} redirects", plain_http=plain_http or bool(url))',
        (KEPT,),
    ),
    Fault(
        "a redirect to a URL with a user followed",
        "backends/python/network/redirects.py",
        '    if "@" in urlsplit(url).netloc:',
        '    if "@" in urlsplit(url).path:',
        (KEPT,),
    ),
    Fault(
        "one redirect too many followed",
        "backends/python/network/redirects.py",
        "    if sent >= MAX_REQUESTS:",
        "    if sent > MAX_REQUESTS:",
        (MATRIX,),
    ),
    Fault(
        "bytes beyond an answer taken for the next one",
        "backends/python/network/http11.py",
        "if complete and not self._http.trailing_data[0] and not (self._chunks and self._chunks.left):",
        "if complete:",
        (CONNECTIONS,),
    ),
    Fault(
        "a token realm of http allowed to a registry of https",
        "backends/python/registry/token.py",
        'redirects.check_target(realm, "the registry sends for a token", plain_http=plain_http)',
        'redirects.check_target(realm, "the registry sends for a token", plain_http=plain_http or bool(realm))',
        (KEPT,),
    ),
    Fault(
        "given credentials sent to a mirror on another host",
        "configuration/auth/credentials.py",
        "    if domain == logical_domain and (settings.creds is not None or settings.identity_token):",
        "    if settings.creds is not None or settings.identity_token:",
        (KEPT,),
    ),
    Fault(
        "given credentials sent to a mirror on another host, by drawn behaviour alone",
        "configuration/auth/credentials.py",
        "    if domain == logical_domain and (settings.creds is not None or settings.identity_token):",
        "    if settings.creds is not None or settings.identity_token:",
        (DRAWN,),
    ),
    Fault(
        "a given token sent to a mirror on another host",
        "configuration/auth/credentials.py",
        'return (settings.registry_token or "") if domain == logical_domain else ""',
        'return settings.registry_token or ""',
        (KEPT,),
    ),
    Fault(
        "a config with another digest accepted",
        "documents/read_image.py",
        "        if not digests.matches(received.body, need.digest):",
        "        if not digests.is_valid(need.digest):",
        (KEPT,),
    ),
    Fault(
        "a manifest or token of any size read",
        "backends/python/network/body.py",
        "        if size > limit:",
        "        if size > limit * 1000:",
        (KEPT,),
    ),
    Fault(
        "a config of any size read",
        "backends/python/registry/blob.py",
        "                        if len(self._body) > self._limit:",
        "                        if len(self._body) > self._limit * 1000:",
        (MATRIX,),
    ),
    Fault(
        "Retry-After ignored",
        "backends/python/registry/retry.py",
        "delay = min(self._delay if advice is None else advice, MAX_DELAY)",
        "delay = min(self._delay, MAX_DELAY)",
        (KEPT,),
    ),
    Fault(
        "a busy registry asked once more than five times",
        "backends/python/registry/retry.py",
        "        if self.attempts >= ATTEMPTS:",
        "        if self.attempts > ATTEMPTS:",
        (KEPT,),
    ),
    Fault(
        "a slow body of a ping waited for",
        "backends/python/network/transport.py",
        "_DISCARD_SECONDS = 0.25",
        "_DISCARD_SECONDS = 60.0",
        (KEPT,),
    ),
    Fault(
        "a resumed body not checked for where it goes on",
        "backends/python/registry/blob.py",
        "        if match is None or int(match[1]) != len(self._body):",
        "        if match is None:",
        (KEPT,),
    ),
    Fault(
        "an error's body that breaks off taken for none",
        "backends/python/registry/registry.py",
        "        if not by_status and distribution_error.needs_body(answer.status, challenges):",
        "        if by_status and distribution_error.needs_body(answer.status, challenges):",
        (KEPT,),
    ),
    Fault(
        "a location resolved against its base although it has a scheme",
        "configuration/urls.py",
        "    if reference.scheme or reference.authority is not None:",
        "    if reference.authority is not None:",
        ("tests/unit/configuration/test_urls.py",),
    ),
)
