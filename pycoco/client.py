"""The client for threads: a client that reads images, one at a time or many at once.

It starts what `base_client` knows to start, and waits for it. The asyncio form is in `async_client`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar, overload

import pycoco
from pycoco.base_client import CONCURRENCY, BaseClient, left_of
from pycoco.errors import DeadlineError
from pycoco.options import requested_platform
from pycoco.ready import Pending, Ready

if TYPE_CHECKING:
    from pycoco.answers.tag_pages import TagPages
    from pycoco.answers.verification import Verification

T = TypeVar("T")
R = TypeVar("R")
_ClientT = TypeVar("_ClientT", bound="Client")

_GRACE = 0.5
"""Seconds that a backend may take to report its own deadline before the client stops waiting."""


class Client(BaseClient):
    """Reads images. Threads may share one; close it, or use it in a with statement.

    ```python
    with pycoco.Client(timeout=30) as client:
        image = client.inspect("quay.io/acme/app:v1", platform="linux/arm64")
    ```
    """

    def parse_reference(self, reference: str) -> pycoco.ParsedReference:
        """Take a reference apart, without asking anybody. Raises InvalidReferenceError."""
        return self._parse_reference(reference)

    def explain(self, reference: str, *, platform: str | pycoco.Platform | None = None) -> pycoco.Explanation:
        """Say how `reference` would be resolved: candidates, pull sources, credentials' origin, certificates, policy.

        No network is used and no secret is in the answer. Raises InvalidReferenceError, ShortNameError,
        ConfigurationError or CredentialsError.
        """
        return self._explain(reference, platform)

    def inspect(
        self,
        reference: str,
        *,
        platform: str | pycoco.Platform | None = None,
        timeout: float | None = None,
        creds: tuple[str, str] | None = None,
        auth_file: str | PathLike[str] | None = None,
    ) -> pycoco.Image:
        """Read the image that `reference` names: its manifest, its index if there is one, and its config.

        `platform` ("os/arch" or "os/arch/variant") and `timeout` (seconds for the whole operation) default to the
        client's. `creds` (user, password) and `auth_file` are for this call alone, instead of what credentials the
        client has. Raises a PycocoError; its tree is in `pycoco.errors`. A layer is never read.
        """
        began, deadline = time.monotonic(), self._deadline(timeout)
        called_with = self._called_with(creds, auth_file)
        del creds  # no secret among the variables of an error's frames
        with called_with as session:
            read = finished(lambda: self._start(reference, platform, deadline, session), deadline)
        if isinstance(read, Ready):
            return read.value
        return self._image_for(platform, reference, read, left_of(deadline, began))

    def resolve(self, reference: str, *, timeout: float | None = None) -> pycoco.Resolved:
        """Ask what `reference` names at the moment, whatever that is: its digest, by one HEAD request.

        The digest is what the registry claims; what is read by it is verified then. `how` says by what it was come by:
        where a registry does not answer HEAD with a sha256 digest, the manifest is read instead. Pull sources,
        credentials and short names are those of `inspect`. Docker Hub does not count a HEAD as a pull.
        """
        deadline = self._deadline(timeout)
        return finished(lambda: self._reader(reference).resolve(reference, timeout=deadline), deadline)

    def resolve_many(
        self,
        references: Iterable[str],
        *,
        concurrency: int = CONCURRENCY,
        per_registry: int | None = None,
        timeout: float | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Iterator[pycoco.Outcome[pycoco.Resolved | pycoco.PycocoError]]:
        """Resolve many references at once; yield (reference, Resolved or PycocoError) for each; see `inspect_many`."""
        from pycoco.answers.asked import outcomes
        from pycoco.batch import in_flight

        deadline = self._deadline(timeout)
        flight = in_flight(
            references,
            start=lambda reference: self._reader(reference).resolve(reference, timeout=deadline),
            finish=lambda _, resolved: resolved,
            concurrency=concurrency,
            per_registry=per_registry,
            progress=progress,
        )
        return outcomes(flight)

    def manifest(self, reference: str, *, timeout: float | None = None) -> pycoco.TopManifest:
        """Read the top-level manifest that `reference` names, of anything: an index, an image, an artifact."""
        from pycoco.answers.top_manifest import TopManifest

        deadline = self._deadline(timeout)
        read = finished(lambda: self._reader(reference).fetch_manifest(reference, timeout=deadline), deadline)
        return TopManifest.from_fetched(read, reference)

    def verify(
        self,
        reference: str,
        *,
        platform: str | pycoco.Platform | None = None,
        all_platforms: bool = False,
        timeout: float | None = None,
    ) -> tuple[pycoco.Verification, ...]:
        """Say what policy.json says of `reference`, signature by signature; a rejection is an answer, not an error.

        The policy is the client's, or else the one that containers-policy.json(5) finds. Of an index the instance for
        the platform is judged, as CRI-O does, or every image with `all_platforms`; of an artifact itself. `timeout`
        is for each manifest with its signatures.
        """
        from pycoco.answers.verification import verifications

        deadline = self._deadline(timeout)
        needed = verifications(
            self._reader(reference),
            self._session,
            self._settings_for(reference),
            reference,
            requested_platform(platform),
            deadline,
            all_platforms=all_platforms,
        )
        try:
            pending = next(needed)
            while True:
                waited_for = pending
                pending = needed.send(finished(lambda: waited_for, deadline))  # noqa: B023 - called at once
        except StopIteration as ended:
            verdicts: tuple[Verification, ...] = ended.value
            return verdicts

    def inspect_platforms(self, reference: str, *, timeout: float | None = None) -> tuple[pycoco.PlatformImage, ...]:
        """Read every image of the index that `reference` names, in its order; of a single image, that one.

        The index is read once, and so is what several of its images share. What cannot be read is an error in its
        place, while an error about the index itself is raised. `timeout` is for all of it.
        """
        from pycoco.answers.platform_images import platform_images

        began, deadline = time.monotonic(), self._deadline(timeout)
        read = finished(lambda: self._reader(reference).fetch_instances(reference, timeout=deadline), deadline)
        return platform_images(reference, read, lambda name, each: self._image(name, each, left_of(deadline, began)))

    def tags(self, repository: str, *, timeout: float | None = None) -> Iterator[str]:
        """Iterate over a repository's tags, in the registry's order, page after page; no more than one page is held.

        `repository` has neither tag nor digest. Its own registry is asked and no mirror, and no other `location` that
        registries.conf has for it, as containers/image does it (docker.GetRepositoryTags). `timeout` is each page's.
        Whichever backend the client has, it is the Python one that reads them: containers/image has none before it has
        all. Raises RegistryError for pages that lead elsewhere or in a circle.
        """
        from pycoco.answers.tag_pages import TagPages

        deadline = self._deadline(timeout)
        pages = TagPages(self._lists(repository), repository, deadline)
        return _turning(pages, deadline)

    def referrers(
        self, reference: str, *, artifact_type: str | None = None, timeout: float | None = None
    ) -> tuple[pycoco.Referrer, ...]:
        """Find what refers to the top-level manifest of `reference`: signatures, attestations, SBOMs; reads no blob.

        Looked at are the referrers API, the tag that stands in for it, the attestations in the image's own index, and
        cosign's tags; each Referrer says where it was found. With `artifact_type`, only those of that type. Nothing of
        it is verified: it is a list of what there is. containers/image has no call for it, so that the Python backend
        asks, whichever the client has, of the pull source that serves the manifest.
        """
        deadline = self._deadline(timeout)
        lists = self._lists(reference)
        return finished(lambda: lists.referrers(reference, artifact_type=artifact_type, timeout=deadline), deadline)

    def inspect_many(
        self,
        references: Iterable[pycoco.BatchReference],
        *,
        platform: str | pycoco.Platform | None = None,
        concurrency: int = CONCURRENCY,
        per_registry: int | None = None,
        timeout: float | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> Iterator[pycoco.Outcome[pycoco.Image | pycoco.PycocoError]]:
        """Read many images at once; yield (reference, Image or PycocoError) for each as it completes.

        A reference may also be a pair, (reference, platform). What is yielded is a pair too, which has the `platform`
        and the `seconds` it took beside it. `references` may be endless: it is read in this thread, and no further
        ahead of what was yielded than `concurrency` (twice that with `per_registry`, which bounds how many are in
        flight at one registry). `timeout` is each image's own; `progress` is called with the number completed so far.
        One failure never stops the rest; an exception of `references` itself is raised when what had begun is done.
        Leaving the loop early cancels what is in flight, and closing the client ends the loop with
        OperationCancelledError.
        """
        from pycoco.answers.asked import outcomes, platform_of, time_left
        from pycoco.batch import in_flight

        requested_platform(platform)
        deadline = self._deadline(timeout)
        flight = in_flight(
            references,
            start=lambda reference: self._start(reference, platform_of(reference, platform), deadline),
            finish=lambda asked, read: self._image_for(
                platform_of(asked, platform), asked, read, time_left(asked, deadline)
            ),
            concurrency=concurrency,
            per_registry=per_registry,
            progress=progress,
        )
        return outcomes(flight)

    def close(self) -> None:
        """Cancel what runs and let go of the session. A second call does nothing."""
        self._opened.close()

    def __enter__(self: _ClientT) -> _ClientT:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._opened.close()


@overload
def finished(start: Callable[[], Pending[T]], deadline: float | None) -> T: ...
@overload
def finished(start: Callable[[], Pending[T] | Ready[R]], deadline: float | None) -> T | Ready[R]: ...
def finished(start: Callable[[], Pending[T] | Ready[R]], deadline: float | None) -> T | Ready[R]:
    """Start an operation and return what it gives, or raise its error; `deadline` in seconds, None for no limit.

    Whatever interrupts the wait, Ctrl-C above all, ends the work itself.
    """
    from pycoco import waiting

    started = None
    try:
        started = start()
        if isinstance(started, Ready):
            return started
        return waiting.result(started, None if deadline is None else deadline + _GRACE)
    except waiting.NotYetError:
        raise DeadlineError(f"nothing came within {deadline:g} seconds; allow a longer timeout") from None
    finally:
        if started is not None and not isinstance(started, Ready):
            started.cancel()
        del started  # an error must not be kept alive by its own traceback


def _turning(pages: TagPages, deadline: float | None) -> Iterator[str]:
    while True:
        started = pages.next_page()
        if started is None:
            return
        page = started
        yield from pages.turned(finished(lambda: page, deadline))  # noqa: B023 - called at once
