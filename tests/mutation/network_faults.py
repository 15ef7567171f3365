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
BRAKE = "tests/unit/python/registry/test_brake.py"
CHUNKED = "tests/unit/python/network/test_chunked.py"
TURNS = "tests/unit/python/network/test_turns.py"
HEADS = "tests/parity/matrix/test_response_heads.py::test_taken_differently"
LEARNT = "tests/boundary/test_kept_too_long.py"
GIVEN = "tests/boundary/test_given_credentials.py"
EXCHANGES = "tests/boundary/test_requests.py"

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
        "connections made ahead to a host that nobody has reached yet",
        "backends/python/network/connections.py",
        "        if not self._reached:\n",
        "        if False:\n",
        (CONNECTIONS,),
    ),
    Fault(
        "connections made ahead outlive their client",
        "backends/python/network/connections.py",
        "            await origin.aclose()",
        "            await origin.close_idle(until=0)",
        (CONNECTIONS,),
    ),
    Fault(
        "a connection made ahead is not waited for",
        "backends/python/network/connections.py",
        "                if not self._ahead:\n",
        "                if True:\n",
        ("tests/unit/python/network/test_connections.py",),
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
        "        if not known and not digests.matches(received.body, need.digest):",
        "        if not known and not digests.is_valid(need.digest):",
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
        "backends/python/registry/brake.py",
        "delay = min(self._delay if advice is None else advice, MAX_DELAY)",
        "delay = min(self._delay, MAX_DELAY)",
        (BRAKE,),
    ),
    Fault(
        "a busy registry asked once more than five times",
        "backends/python/registry/brake.py",
        "not patient or self._refusals >= ATTEMPTS or",
        "not patient or self._refusals > ATTEMPTS or",
        (BRAKE,),
    ),
    Fault(
        "each image waits for a busy registry by itself",
        "backends/python/registry/brake.py",
        "            async with self._one_at_a_time:",
        "            async with asyncio.Lock():",
        (BRAKE,),
    ),
    Fault(
        "a wait begun that ends beyond the deadline",
        "backends/python/registry/brake.py",
        "return deadline is not None and self._until > deadline",
        "return deadline is not None and self._until > deadline + 1e9",
        (BRAKE,),
    ),
    Fault(
        "a chunk's extensions not bounded",
        "backends/python/network/chunked.py",
        "if self._excess > _EXCESS_LIMIT:",
        "if self._excess > _EXCESS_LIMIT * 1000:",
        (CHUNKED,),
    ),
    Fault(
        "a head of any number of lines",
        "backends/python/network/http11.py",
        "        if lines < 0:",
        "        if lines < -10**9:",
        (HEADS,),
    ),
    Fault(
        "a long document checked on the event loop",
        "backends/python/network/turns.py",
        "    if weight(document) <= _LIGHT:",
        "    if weight(document) >= 0:",
        (TURNS,),
    ),
    Fault(
        "a token that counts no more kept after a 404",
        "backends/python/registry/registry.py",
        "MAY_BE_REFUSALS = frozenset({400, 401, 403, 404})",
        "MAY_BE_REFUSALS = frozenset({400, 401, 403})",
        (f"{LEARNT}::test_a_token_that_counts_no_more[python-404]",),
    ),
    Fault(
        "plain http kept for a client's life",
        "backends/python/registry/registry.py",
        'if kept is not None and kept.scheme == "http" and kept.learnt < access.started:',
        'if kept is not None and kept.scheme == "http" and kept.learnt < access.started - 1e9:',
        (f"{LEARNT}::test_https_that_failed_once_is_tried_again_before_a_password_is_sent[python]",),
    ),
    Fault(
        "given credentials sent to a second registry",
        "configuration/auth/given.py",
        "        if other is not None:",
        "        if other is None and not domains:",
        (f"{GIVEN}::test_what_is_given_for_one_registry_goes_to_one[python-creds]",),
    ),
    Fault(
        "a fifo read as a file of the host",
        "configuration/regular_file.py",
        "    if not stat.S_ISREG(state.st_mode):",
        "    if stat.S_ISSOCK(state.st_mode):",
        ("tests/unit/configuration/test_regular_file.py",),
    ),
    Fault(
        "a message with a terminal's escapes",
        "printable.py",
        '    "[\\x00-\\x1f\\x7f-\\x9f',
        '    "[\\x00-\\x1a\\x7f-\\x9f',
        ("tests/unit/test_printable.py",),
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
        "backends/python/registry/distribution_error.py",
        "        if not by_status and needs_body(answer.status, challenges):",
        "        if by_status and needs_body(answer.status, challenges):",
        (KEPT,),
    ),
    Fault(
        "a location resolved against its base although it has a scheme",
        "configuration/urls.py",
        "    if reference.scheme or reference.authority is not None:",
        "    if reference.authority is not None:",
        ("tests/unit/configuration/test_urls.py",),
    ),
    Fault(
        "what is left of a rate limit not told of a success",
        "backends/python/network/transport.py",
        "answer.status, seconds, size, answer.rate_limit())",
        "answer.status, seconds, size)",
        (f"{EXCHANGES}::test_what_is_left_of_a_rate_limit_is_told[python-docker hub]",),
    ),
    Fault(
        "any number of rate limits told",
        "backends/exchange.py",
        "sorted(found.items())[:_RATE_LIMITS]",
        "sorted(found.items())",
        (f"{EXCHANGES}::test_what_is_left_of_a_rate_limit_is_told[python-too many]",),
    ),
    Fault(
        "other headers told with the rate limits",
        "backends/exchange.py",
        "_RATE_LIMIT.fullmatch(name)",
        "name",
        (f"{EXCHANGES}::test_what_is_left_of_a_rate_limit_is_told[python-odd]",),
    ),
)
