"""What is said of a registry that gave no usable answer: one sentence, what is known besides in brackets, the cure.

Both backends say it by these words, so that who reads them, or searches for them, need not know which one is used; what
stands in brackets is the backend's own. It is not for deciding what went wrong: each backend does that.
"""

from __future__ import annotations

UNREACHABLE: dict[str, tuple[str, str]] = {
    "authority": (
        "its certificate is of an authority that is not trusted here",
        "put the authority's certificate into certs.d/HOST/ca.crt, or give cert_dir",
    ),
    "expired": ("its certificate has expired, or is not valid yet", "have it renewed, and see this machine's clock"),
    "other_name": ("its certificate is for another name", "ask for it by a name that its certificate has"),
    "not_tls": (
        "it does not speak TLS",
        "where plain http is right, set insecure = true for it, or --tls-verify=false",
    ),
    "client_certificate": (
        "it demands a client certificate",
        "put NAME.cert and NAME.key into its certs.d, or give cert_dir",
    ),
    "refused": ("the connection is refused", "see that it runs, and on that port"),
    "no_host": ("there is no host of that name", "see how it is spelt, and this machine's name servers"),
    "closed": ("the server closed the connection without an answer", "try again later"),
    "proxy": ("the proxy cannot be used", "see HTTPS_PROXY, HTTP_PROXY and NO_PROXY"),
}
"""Why a registry cannot be reached, by kind: the reason and the cure."""

LASTING = frozenset({"authority", "expired", "other_name", "not_tls", "client_certificate"})
"""Those for which the same call will not succeed later: somebody has to change something first."""


def unreachable(url: str, kind: str, detail: str, proxy: str) -> str:
    """Of a request that got no answer, by way of a `proxy` ("HOST:PORT") or, where that is "", of none.

    A `kind` that UNREACHABLE does not have leaves the `detail` as the reason.
    """
    if proxy:
        url = f"{url} by way of the proxy {proxy}"
    reason, cure = UNREACHABLE.get(kind, ("", "try again later"))
    if not reason:
        return f"cannot reach {url}{_besides(detail)}; {cure}"
    if kind == "closed" and url.startswith("https:"):
        # With TLS 1.3 the handshake is over before a server says that it misses a certificate, and few servers do.
        reason += ", and may demand a client certificate"
    return f"cannot reach {url}: {reason}{_besides(detail)}; {cure}"


def answered(url: str, status: int, detail: str, *, refused: bool, token_of: str = "") -> str:
    """Of an answer with `status`. `detail` is what the registry says itself; `token_of` whose token was asked for.

    Where it `refused` who asked, `asked_with` says the rest.
    """
    why = f"getting a token for {token_of}: " if token_of else ""
    cure = "" if refused else f"; {_cure(status)}"
    return f"{why}{url} answered with status {status}{_besides(detail)}{cure}"


def broken(url: str, detail: str) -> str:
    """Of an answer whose body does not come to its end, or cannot be decoded."""
    return f"{url} sent a body that cannot be read{_besides(detail)}; try again later"


def too_large(url: str, limit: int) -> str:
    """Of a body that is larger than what is read of it."""
    return f"what {url} sent is larger than {limit} bytes; it is refused"


def unreadable_token(registry: str, detail: str) -> str:
    """Of a token server's answer with status 200 that is none."""
    return f"the answer of the token server of {registry} cannot be read{_besides(detail)}; tell who runs it"


def redirects_without_end(url: str) -> str:
    """Of a chain of redirects that is not followed to its end; `url` is the last that was asked."""
    return f"{url} redirects once more after nine redirects; they are not followed further"


def redirects_elsewhere(url: str) -> str:
    """Of a redirect to what is no web address."""
    return f"{url} redirects to something that is not an http or https URL; it is not followed"


def late(what: str, timeout: float) -> str:
    """Of an operation whose own time limit has passed."""
    return f"{what} was not done within {timeout:g} seconds; allow a longer timeout"


def blocked(repository: str) -> str:
    """Of a registry that is not to be asked."""
    return f"registries.conf blocks {repository}; allow it there or ask another registry"


def asked_with(origin: str, note: str = "") -> str:
    """What was sent with a refused request: "" for nothing, "given", "registry_token", or where it was found."""
    if not origin:
        return f"asked without credentials{_besides(note or 'none are given or found for it')}"
    if origin in ("given", "registry_token"):
        return f"asked with the {'credentials' if origin == 'given' else origin} given"
    return f"asked with the credentials found{_besides(origin)}"


def _cure(status: int) -> str:
    if status == 404:
        return "see how the name, and the tag or digest, are spelt"
    return "try again later" if status == 429 or status >= 500 else "tell who runs it"


def _besides(detail: str) -> str:
    return f" ({detail})" if detail else ""
