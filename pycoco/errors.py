"""The exceptions pycoco raises, and the one table that turns a backend's error code into one of them.

It is not for deciding what went wrong: a backend does that and says so with a code, never with a text that
somebody has to match.

    PycocoError
      InvalidReferenceError            (ValueError)       not a reference, or one that cannot be read
      ShortNameError                   (LookupError)      a short name that the configuration does not resolve
      ConfigurationError               (ValueError)       a configuration file or an option is wrong; .file, .line
      CredentialsError                                    credentials could not be read
      RegistryError                                       a registry's answer; .status .url .registry .retryable …
        NotFoundError                  (LookupError)      no such repository, tag, manifest or blob
        UnauthorizedError              (PermissionError)  the registry did not accept who asks
        DeniedError                    (PermissionError)  the registry knows who asks and refuses
        RateLimitedError                                  too many requests; .retry_after in seconds, .rate_limit
        UnavailableError               (ConnectionError)  no usable answer: connection, TLS, or a server's failure
        BlockedError                   (PermissionError)  registries.conf blocks this registry
      ManifestError                    (ValueError)       a manifest or config that cannot be used
        DigestMismatchError                               the bytes are not what their digest promises
        AmbiguousManifestError                            could be read as two different things
        UnsupportedManifestError                          a type pycoco does not read
        NoMatchingPlatformError        (LookupError)      the index has no instance for the platform
        NotAnImageError                                   an artifact, not a container image
        TooLargeError                                     over the size bound, refused while reading
      PolicyRejectedError              (PermissionError)  policy.json does not allow the image
      LayoutError                      (OSError)          a local layout or archive that cannot be read or written
      ContainerConfigError             (ValueError)       no container can be made of this image and request
      DeadlineError                    (TimeoutError)     the operation's own timeout passed
      OperationCancelledError                             the operation was cancelled, or its client closed
      BackendError                     (RuntimeError)     a fault in a backend itself, such as a panic in Go
        BackendUnavailableError                           the backend asked for cannot be loaded here
        ForkedProcessError                                the Go backend was loaded before this process was forked
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import pycoco
from pycoco.printable import printable


class PycocoError(Exception):
    """The root of everything pycoco raises. `code` is the stable name of the class of failure."""

    code: ClassVar[str] = "error"
    _details: ClassVar[frozenset[str]] = frozenset()
    """The names of what the class takes beside its message."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def message(self) -> str:
        """What went wrong and what to do, in a sentence: at most 2,000 characters, all of them fit to be printed."""
        return self._message

    @message.setter
    def message(self, text: str) -> None:
        # Registries and files have their say in messages, so here is where they are bounded and escaped, once.
        self._message = printable(text)
        self.args: tuple[Any, ...] = (self._message,)

    def __str__(self) -> str:
        # Some builtins that subclasses inherit (OSError, LookupError's KeyError kin) format their arguments.
        return self.message


class InvalidReferenceError(PycocoError, ValueError):
    """The text is not a reference, or names something that cannot be read."""

    code = "invalid_reference"


class ShortNameError(PycocoError, LookupError):
    """A short name that the configuration does not resolve, or not to one registry."""

    code = "short_name"


class ConfigurationError(PycocoError, ValueError):
    """A configuration file or an option is wrong.

    `file` is the path of the file at fault and `line` its line (from 1), each None where it is not known.
    """

    code = "configuration"
    _details = frozenset({"file", "line"})

    def __init__(self, message: str, *, file: str | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.file = file
        self.line = line


class CredentialsError(PycocoError):
    """Credentials could not be read from a file or a credential helper."""

    code = "credentials"


class RegistryError(PycocoError):
    """A registry answered with an error, or could not be used.

    `status` is the HTTP status or None, `spec_code` the distribution specification's error code (such as
    "MANIFEST_UNKNOWN") or None, `url` the request's URL without credentials or query, or None. `registry` is the host,
    "host[:port]", of the registry that the error is about, also where its token server or a blob's host gave it, None
    where there is none. `retryable` says whether the same call may succeed later; `retry_after` is what a registry
    asks for in seconds, None where it does not.
    """

    code = "registry"
    _details = frozenset({"status", "spec_code", "url", "registry", "retryable", "retry_after"})

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        spec_code: str | None = None,
        url: str | None = None,
        registry: str | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.spec_code: str | None = printable(spec_code, 200) if spec_code is not None else None
        self.url: str | None = printable(url) if url is not None else None
        self.registry: str | None = printable(registry, 300) if registry is not None else None
        self.retryable = retryable
        self.retry_after = retry_after


class NotFoundError(RegistryError, LookupError):
    """No such repository, tag, manifest or blob."""

    code = "not_found"


class UnauthorizedError(RegistryError, PermissionError):
    """The registry or its token server did not accept the credentials, or there were none."""

    code = "unauthorized"


class DeniedError(RegistryError, PermissionError):
    """The registry refuses access to this repository."""

    code = "denied"


class RateLimitedError(RegistryError):
    """Too many requests.

    `retry_after` is the registry's own advice in seconds, or what is left of it, None where it gave none. `rate_limit`
    is what the answer's RateLimit headers said, by their names in lower case, such as
    {"ratelimit-limit": "100;w=21600"}; empty where there were none.
    """

    code = "rate_limited"
    rate_limit: Mapping[str, str] = MappingProxyType({})


class UnavailableError(RegistryError, ConnectionError):
    """No usable answer: name resolution, connection, TLS, or a failure of the server."""

    code = "unavailable"


class BlockedError(RegistryError, PermissionError):
    """registries.conf blocks this registry."""

    code = "blocked"


class ManifestError(PycocoError, ValueError):
    """A manifest, index or config that cannot be used as it is.

    Where the top-level manifest was read and verified before it turned out to be of no use, as with
    NoMatchingPlatformError and NotAnImageError, `digest`, `media_type` and `raw_manifest` are its own; else "" and b"".
    """

    code = "manifest"
    _details = frozenset({"digest", "media_type", "raw_manifest"})

    def __init__(self, message: str, *, digest: str = "", media_type: str = "", raw_manifest: bytes = b"") -> None:
        super().__init__(message)
        self.digest = digest
        self.media_type = media_type
        self.raw_manifest = raw_manifest

    @property
    def index(self) -> pycoco.Index | None:
        """The index that was read, typed; None where there was none."""
        from pycoco.documents import media_types
        from pycoco.documents.index import Index

        if self.media_type not in media_types.INDEXES:
            return None
        return Index.from_bytes(self.raw_manifest, self.media_type)

    @property
    def platforms(self) -> tuple[str, ...]:
        """The platforms that the index has images for, such as "linux/arm64/v8"."""
        index = self.index
        return tuple(str(platform) for platform in index.platforms) if index else ()


class DigestMismatchError(ManifestError):
    """The bytes received do not have the digest they were asked for by."""

    code = "digest_mismatch"


class AmbiguousManifestError(ManifestError):
    """The bytes could be read as two different things (CVE-2021-41190 and its kin)."""

    code = "ambiguous_manifest"


class UnsupportedManifestError(ManifestError):
    """A type of manifest, or a nesting of indexes, that pycoco does not read."""

    code = "unsupported_manifest"


class NoMatchingPlatformError(ManifestError, LookupError):
    """The index has no instance for the platform asked for."""

    code = "no_matching_platform"


class NotAnImageError(ManifestError):
    """An OCI artifact, not a container image."""

    code = "not_an_image"


class TooLargeError(ManifestError):
    """A manifest, config or token over its size bound; refused while it was being read."""

    code = "too_large"


class PolicyRejectedError(PycocoError, PermissionError):
    """policy.json does not allow this image. The verdict is about the bytes just read, not about later ones."""

    code = "policy_rejected"


class LayoutError(PycocoError, OSError):
    """A local layout or archive that cannot be read or written."""

    code = "layout"


class ContainerConfigError(PycocoError, ValueError):
    """No container can be made of this image and this request."""

    code = "container_config"


class DeadlineError(PycocoError, TimeoutError):
    """The `timeout` of the whole operation passed before it was done."""

    code = "timeout"


class OperationCancelledError(PycocoError):
    """The operation was cancelled, or its client was closed while it ran."""

    code = "cancelled"


class BackendError(PycocoError, RuntimeError):
    """A fault in a backend itself, such as a panic in Go. Please report it."""

    code = "backend"


class BackendUnavailableError(BackendError):
    """The backend asked for cannot be loaded here; the message says why."""

    code = "backend_unavailable"


class ForkedProcessError(BackendError):
    """The Go backend was loaded before this process was forked, and would hang in it."""

    code = "forked_process"


def _tree(root: type[PycocoError]) -> list[type[PycocoError]]:
    return [root, *(found for child in root.__subclasses__() for found in _tree(child))]


_BY_CODE: dict[str, type[PycocoError]] = {cls.code: cls for cls in _tree(PycocoError)}


def from_code(code: str, message: str, **details: Any) -> PycocoError:
    """Return the exception for a backend's error `code`.

    `details` are what that class takes beside its message; those it does not take, or that are None, are left out.
    An unknown code gives BackendError: a library and a package that do not belong together must not pass unnoticed.
    """
    cls = _BY_CODE.get(code)
    if cls is None:
        return BackendError(f"{message} (unknown error code {code!r})")
    known = {name: value for name, value in details.items() if name in cls._details and value is not None}
    return cls(message, **known)
