"""What both clients share: their options, who answers for a reference, and an Image made of the answer.

It is not for waiting, which threads and asyncio do differently (see `client` and `async_client`). It knows no backend
by name and no byte of a manifest.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from os import PathLike
from typing import TYPE_CHECKING, NoReturn

import pycoco
from pycoco._dataclass import replace
from pycoco.configuration.auth.given import GivenCredentials, with_given
from pycoco.errors import ConfigurationError, InvalidReferenceError, PycocoError
from pycoco.image import Image
from pycoco.opened import OpenedByProcess
from pycoco.options import (
    Options,
    checked_auth_file,
    checked_credentials,
    checked_creds,
    checked_crio,
    requested_platform,
    settings_of,
)
from pycoco.ready import Pending, Ready
from pycoco.waiting import checked_timeout

if TYPE_CHECKING:
    from typing import TypeAlias

    from pycoco.backends.contract import Fetched, Lists, Reader, Session
    from pycoco.configuration.settings import Settings
    from pycoco.configuration.values import ParsedReference
    from pycoco.documents.descriptor import Platform
    from pycoco.documents.values import RequestedPlatform
    from pycoco.explanation import Explanation
    from pycoco.layout.client_store import ClientStore

if TYPE_CHECKING:
    Started: TypeAlias = Fetched | Ready[Image]

CONCURRENCY = 128
"""Images in flight at once in `inspect_many`, unless asked otherwise; docs/guides/many.md says why."""

_LOCAL_PREFIXES = ("oci:", "dir:", "oci-archive:", "docker-archive:")

_LONGEST = 1e8
"""Seconds, three years: more than that some clocks cannot count."""


class BaseClient:
    """What os.environ holds when a client is made governs it for its life.

    Configuration files are read when an operation needs them, and again when they changed (looked at once a second).
    """

    def __init__(
        self,
        *,
        backend: pycoco.BackendChoice = "auto",
        platform: str | pycoco.Platform | None = None,
        registries_conf: str | PathLike[str] | None = None,
        registries_conf_dir: str | PathLike[str] | None = None,
        auth_file: str | PathLike[str] | None = None,
        creds: tuple[str, str] | None = None,
        credentials: Mapping[str, tuple[str, str] | pycoco.Token] | pycoco.credentials.Keyring | None = None,
        namespace: str | None = None,
        identity_token: str | None = None,
        registry_token: str | None = None,
        cert_dir: str | PathLike[str] | None = None,
        tls_verify: bool | None = None,
        short_names: pycoco.ShortNameMode = "enforcing",
        policy: str | PathLike[str] | bool | None = None,
        timeout: float | None = None,
        store: str | PathLike[str] | None = None,
        schema1: bool = False,
        nested_indexes: int = 0,
        retries: int = 0,
        revalidate: pycoco.Revalidation | None = None,
        on_request: pycoco.OnRequest | None = None,
    ) -> None:
        """Make a client with these options, of which `pycoco.Options` says more; ConfigurationError for a wrong one.

        Args:
            backend: "auto", "go", "go-process" or "python".
            platform: "os/arch" or "os/arch/variant"; None: this machine's.
            registries_conf: instead of what containers-registries.conf(5) finds.
            registries_conf_dir: instead of registries.conf.d.
            auth_file: the only file to take credentials from.
            creds: (user, password), for one registry.
            credentials: for each registry its (user, password) or Token, or a Keyring.
            namespace: credentials as CRI-O finds them for a pod of this Kubernetes namespace.
            identity_token: an OAuth2 refresh token, for one registry.
            registry_token: a bearer token, for one registry.
            cert_dir: *.crt, *.cert and *.key for the registry.
            tls_verify: False: https without verification, then plain http.
            short_names: "enforcing", "permissive" or "disabled".
            policy: a policy.json to evaluate, or True for this host's.
            timeout: seconds for each whole operation; None: no limit.
            store: a directory used as a cache, by digest.
            schema1: accept the deprecated schema 1 of manifests.
            nested_indexes: how many indexes within an index to descend.
            retries: how often to ask again when a registry cannot be reached or fails.
            revalidate: "head": ask by HEAD whether a tag still names what the store has.
            on_request: called with an Exchange for each request and its answer.
        """
        environ = dict(os.environ)
        self._revalidate = checked_revalidate(revalidate, store)
        self._timeout = checked_timeout(timeout)
        options = Options(
            platform=platform,
            registries_conf=registries_conf,
            registries_conf_dir=registries_conf_dir,
            auth_file=auth_file,
            creds=creds,
            credentials=credentials,
            namespace=namespace,
            identity_token=identity_token,
            registry_token=registry_token,
            cert_dir=cert_dir,
            tls_verify=tls_verify,
            short_names=short_names,
            policy=policy,
            store=store,
            schema1=schema1,
            nested_indexes=nested_indexes,
            retries=retries,
        )
        del creds, credentials, identity_token, registry_token
        try:
            self._settings = settings_of(options, environ)
            self._given = GivenCredentials(self._settings, checked_credentials(options))
            self._namespace, self._crio = namespace or "", checked_crio(options)
        except PycocoError as error:
            # Whoever shows the variables of an error's frames shows no secret: raised anew, it has these frames alone.
            raise error.with_traceback(None) from None
        finally:
            del options
        self._stored = _stored(self._settings)
        known = self._stored.known if self._stored else None
        self._opened = OpenedByProcess(self._settings, backend, environ, known, on_request)
        self._opened.here()

    @property
    def backend(self) -> pycoco.BackendName:
        """The name of the backend in use: "go", "go-process" or "python"."""
        return self._opened.here().backend

    @property
    def timeout(self) -> float | None:
        """Seconds for each whole operation that is given no other, None for no limit."""
        return self._timeout

    @property
    def _session(self) -> Session:
        """This process's session on the backend, which answers the contract's pure operations."""
        return self._opened.here().session

    def _reader(self, reference: str) -> Reader:
        """What reads `reference`: this process's reader of local layouts, or a session for a registry's."""
        opened = self._opened.here()
        if _is_local(reference):
            return opened.local
        return opened.session_with(self._settings_for(reference))

    def _settings_for(self, reference: str, *, asks: bool = True) -> Settings:
        """The client's settings, with the credentials that were given for the registry of `reference` and no others.

        For a pod's namespace, with the file of credentials that CRI-O would read for it.
        """
        settings = self._given_for(reference, asks=asks)
        if self._crio is None or _is_local(reference):
            return settings
        return replace(settings, auth_file=self._crio.auth_file(reference, self._namespace))

    def _given_for(self, reference: str, *, asks: bool) -> Settings:
        if not self._given:
            return self._settings
        parsed = self._parse_reference(reference)
        if parsed.transport != "docker":
            return self._settings
        if not parsed.short:
            return self._given.settings_for([parsed], asks=asks)
        candidates = self._session.short_name_candidates(reference)
        return self._given.settings_for([self._parse_reference(each.reference) for each in candidates], asks=asks)

    def _parse_reference(self, reference: str) -> ParsedReference:
        return self._session.parse_reference(checked_reference(reference))

    def _explain(self, reference: str, platform: str | Platform | None) -> Explanation:
        from pycoco.explanation import explain

        settings = self._settings_for(checked_reference(reference), asks=False)
        return explain(self._session, settings, reference, requested_platform(platform))

    def _lists(self, reference: str) -> Lists:
        """What reads lists about `reference` page by page."""
        opened = self._opened.here()
        if _is_local(reference):
            return opened.local
        return opened.lists_with(self._settings_for(reference))

    def _start(
        self,
        reference: str,
        platform: str | Platform | None,
        timeout: float | None,
        session: Session | None = None,
    ) -> Pending[Started] | Ready[Image]:
        """Start reading an image, with `session` if that is not None.

        What the store has whole is ready at once, and nothing of it is left to keep.
        """
        wanted = requested_platform(platform)
        reader = self._reader(reference) if session is None or _is_local(reference) else session
        opened = self._opened.here()
        if self._stored is not None:
            stored = self._stored.find(reference, wanted)
            if stored is not None:
                return Ready(self._asked_for(Image.from_fetched(stored, reference), wanted))
            if self._revalidate and self._settings.policy is None and reader is not opened.local:
                from pycoco.answers.revalidation import revalidated

                def made(found: Fetched) -> Image:
                    return self._asked_for(Image.from_fetched(found, reference), wanted)

                return revalidated(reader, self._stored, reference, wanted, timeout, opened.threads, made)
        return reader.fetch(reference, platform=wanted, timeout=timeout)

    @contextlib.contextmanager
    def _called_with(
        self, creds: tuple[str, str] | None, auth_file: str | PathLike[str] | None
    ) -> Iterator[Session | None]:
        """A session for one call with credentials of its own; None where the call has none."""
        settings = self._settings
        if creds is not None:
            settings = with_given(settings, checked_creds("creds", creds))
        if auth_file is not None:
            settings = replace(settings, auth_file=checked_auth_file(auth_file))
            if creds is None:
                settings = replace(settings, creds=None, identity_token=None, registry_token=None)
        del creds
        if settings is self._settings:
            yield None
            return
        session = self._opened.here().open(settings)
        try:
            yield session
        finally:
            session.close(wait=False)

    def _image(self, reference: str, fetched: Started, timeout: float | None = None) -> Image:
        """Make an Image of what was fetched, and keep it in the store if there is one, within `timeout` seconds."""
        if isinstance(fetched, Ready):
            return fetched.value
        image = Image.from_fetched(fetched, reference)
        if self._stored is not None:
            self._stored.keep(image, timeout)
        return image

    def _image_for(
        self, platform: str | Platform | None, reference: str, fetched: Started, timeout: float | None
    ) -> Image:
        """Make an Image of what was fetched for a platform; see `_image`."""
        image = self._image(reference, fetched, timeout)
        return image if isinstance(fetched, Ready) else self._asked_for(image, platform)

    def _asked_for(self, image: Image, platform: str | Platform | RequestedPlatform | None) -> Image:
        """Return `image`; that it is a single one for another platform than was asked for is logged."""
        asked = requested_platform(platform) or self._settings.platform
        if image.is_index or not (asked.os or asked.architecture):
            return image
        from pycoco.answers.single_image import told

        return told(image, asked)

    def _deadline(self, timeout: float | None) -> float | None:
        deadline = checked_timeout(timeout) if timeout is not None else self._timeout
        return None if deadline is None else min(deadline, _LONGEST)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client does not pickle: it has connections, and perhaps secrets; make one where it is used")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {getattr(self, '_opened', 'not open')}>"

    _at_the_end = (warnings.warn, sys.is_finalizing)  # when this module's names may be gone, as in `opened`

    def __del__(self) -> None:
        by_process = getattr(self, "_opened", None)
        opened = by_process.peek() if by_process is not None else None
        if by_process is None or opened is None:
            return
        warn, is_finalizing = self._at_the_end
        message = f"unclosed {self!r}; use it in a with statement or call close()"
        warn(message, ResourceWarning, stacklevel=2, source=self)
        by_process.closed = True
        if not is_finalizing():
            opened.close(wait=False)


def left_of(deadline: float | None, began: float) -> float | None:
    """Return how many of `deadline` seconds are left, 0.0 at least, of what began at `began` (time.monotonic)."""
    return None if deadline is None else max(0.0, deadline - (time.monotonic() - began))


def checked_revalidate(revalidate: str | None, store: object) -> str | None:
    """Return how tags are revalidated: None, by reading the manifest, or "head". Raises ConfigurationError."""
    if revalidate not in (None, "head"):
        raise ConfigurationError(f"revalidate is {revalidate!r}; give 'head', or None to read the manifest anew")
    if revalidate is not None and store is None:
        raise ConfigurationError("revalidate='head' spares what a store has; give a store too")
    return revalidate


def _stored(settings: Settings) -> ClientStore | None:
    if settings.store is None:
        return None
    from pycoco.layout.client_store import ClientStore

    return ClientStore(settings.store, settings)


def _is_local(reference: str) -> bool:
    return checked_reference(reference).startswith(_LOCAL_PREFIXES)


def checked_reference(reference: str) -> str:
    """Return `reference`. Raises InvalidReferenceError for what is no text."""
    if not isinstance(reference, str):
        raise InvalidReferenceError(f"{reference!r} is not a reference; give text")
    return reference
