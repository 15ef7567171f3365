"""Clients that answer from a table instead of a registry, for tests of code that is handed a client.

They are pycoco's own clients over a session that asks nobody, so that everything else is the real thing: batches,
options, errors, closing. It is not for testing what is on the wire (see `registry`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

import pycoco
from pycoco.async_client import AsyncClient
from pycoco.backends.contract import FetchedInstances, FetchedManifest, Resolved, TagPage
from pycoco.backends.python.session import PythonSession
from pycoco.client import Client
from pycoco.configuration.reference import parse_reference
from pycoco.documents.values import RequestedPlatform
from pycoco.errors import NotFoundError, PycocoError
from pycoco.image import Image
from pycoco.introspection.newer_typing import typing_extensions
from pycoco.opened import Opened, OpenedByProcess
from pycoco.ready import Ready
from pycoco.testing.images import ImageParts, build_image

if TYPE_CHECKING:
    from pycoco.backends.exchange import OnRequest
    from pycoco.backends.flows import Known
    from pycoco.configuration.settings import Settings
    from pycoco.documents.referrers import Referrer

T = TypeVar("T")

Answers = Mapping[Any, Image | PycocoError]
"""By reference, or by a pair of reference and platform: the image, or the error that is raised instead."""

Referrers = Mapping[str, "Sequence[pycoco.Referrer]"]


class FakeClient(Client):
    """A Client that has these answers, and NotFoundError for every other reference.

    ```python
    from pycoco.testing import FakeClient, make_image

    with FakeClient({"quay.io/acme/app:v1": make_image("quay.io/acme/app:v1", labels={"team": "blue"})}) as client:
        client.inspect("quay.io/acme/app:v1").labels["team"]
    ```

    A key may be a pair, ("quay.io/acme/app:v1", "linux/arm64"), for one platform alone. `referrers` are those of a
    reference. `asked` has what was asked for, operation by operation. `options` are the Client's.
    """

    def __init__(
        self,
        answers: Answers,
        *,
        referrers: Referrers | None = None,
        **options: typing_extensions.Unpack[pycoco.Options],
    ) -> None:
        options["backend"] = "python"
        super().__init__(**options)
        self.asked: list[tuple[str, str]] = []
        self._opened.close()
        self._opened = _Given(self._settings, _Backend(answers, referrers, self.asked))


class FakeAsyncClient(AsyncClient):
    """FakeClient for asyncio."""

    def __init__(
        self,
        answers: Answers,
        *,
        referrers: Referrers | None = None,
        **options: typing_extensions.Unpack[pycoco.Options],
    ) -> None:
        options["backend"] = "python"
        super().__init__(**options)
        self.asked: list[tuple[str, str]] = []
        self._opened.close()
        self._opened = _Given(self._settings, _Backend(answers, referrers, self.asked))


def make_image(
    reference: str = "registry.example/app:latest",
    *,
    choose: str | None = None,
    **how: typing_extensions.Unpack[ImageParts],
) -> Image:
    """Return an Image as if it had been read; `how` is `build_image`'s.

    Of an index (`platforms`), `choose` says which image, the first one by default. Raises ValueError for a platform
    that is not among them.
    """
    built = build_image(**how)
    bodies = {document.digest: document.body for document in (*built.manifests, *built.blobs, built.top)}
    platforms = how.get("platforms")
    if platforms is None:
        chosen, index = built.top, None
    else:
        if choose is not None and choose not in platforms:
            raise ValueError(f"{choose} is not one of {', '.join(platforms)}")
        chosen, index = built.manifests[platforms.index(choose) if choose else 0], built.top.body
    from pycoco.documents.manifest import Manifest

    config = Manifest.from_bytes(chosen.body, chosen.media_type).config
    assert config is not None  # build_image names one
    return Image.from_documents(chosen.body, bodies[config.digest], index=index, reference=reference)


class _Given(OpenedByProcess):
    """What a client has open, in whatever process: a session that was given to it."""

    def __init__(self, settings: Settings, backend: _Backend) -> None:
        super().__init__(settings, "python", settings.environ, None)
        self._given = Opened(backend, settings, None)

    def peek(self) -> Opened | None:
        return None if self.closed else self._given


class _Backend:
    """The backend of sessions that have these answers; `asked` is what they were asked."""

    name: pycoco.BackendName = "python"

    def __init__(self, answers: Answers, referrers: Referrers | None, asked: list[tuple[str, str]]) -> None:
        self._answers = answers
        self._referrers = referrers or {}
        self._asked = asked

    def open(self, settings: Settings, *, known: Known | None = None, on_request: OnRequest | None = None) -> _Session:
        return _Session(settings, self._answers, self._referrers, self._asked)

    def versions(self) -> dict[str, str]:
        return {}


class _Session(PythonSession):
    """A session whose answers are there already; what needs no network is the Python backend's own."""

    def __init__(
        self, settings: Settings, answers: Answers, referrers: Referrers, asked: list[tuple[str, str]]
    ) -> None:
        super().__init__(settings)
        self._answers = {_key(key): answer for key, answer in answers.items()}
        self._referrers = {_key(reference)[0]: tuple(found) for reference, found in referrers.items()}
        self._asked = asked

    def fetch(
        self, reference: str, *, platform: RequestedPlatform | None = None, timeout: float | None = None
    ) -> Future[Any]:
        return self._answer("inspect", reference, lambda: Ready(self._image(reference, platform)))

    def fetch_manifest(self, reference: str, *, timeout: float | None = None) -> Future[FetchedManifest]:
        return self._answer("manifest", reference, lambda: _top(self._image(reference)))

    def fetch_instances(self, reference: str, *, timeout: float | None = None) -> Future[FetchedInstances]:
        def instances() -> FetchedInstances:
            images = [image for (name, _), image in self._answers.items() if name == _normal(reference)]
            found = [image for image in images if isinstance(image, Image)] or [self._image(reference)]
            index = found[0].index
            places = [entry.digest for entry in index.manifests] if index else [found[0].digest]
            return FetchedInstances(
                _top(found[0]),
                tuple(sorted((places.index(image.instance_digest), image._fetched) for image in found)),
            )

        return self._answer("inspect_platforms", reference, instances)

    def resolve(self, reference: str, *, timeout: float | None = None) -> Future[Resolved]:
        def resolved() -> Resolved:
            image = self._image(reference)
            return Resolved(image.reference, image.pull_source, image.digest, image.media_type)

        return self._answer("resolve", reference, resolved)

    def tags(self, repository: str, *, page: str = "", timeout: float | None = None) -> Future[TagPage]:
        def tags() -> TagPage:
            wanted = _repository(repository)
            named = {parse_reference(name).tag for name, _ in self._answers if _repository(name) == wanted}
            if not named:
                raise NotFoundError(f"{repository} has no answer here", status=404)
            return TagPage(wanted, tuple(sorted(named)))

        return self._answer("tags", repository, tags)

    def referrers(
        self, reference: str, *, artifact_type: str | None = None, timeout: float | None = None
    ) -> Future[tuple[Referrer, ...]]:
        def referrers() -> tuple[Referrer, ...]:
            found = self._referrers.get(_normal(reference), ())
            return tuple(each for each in found if artifact_type in (None, each.artifact_type))

        return self._answer("referrers", reference, referrers)

    def _image(self, reference: str, platform: RequestedPlatform | None = None) -> Image:
        name = _normal(reference)
        wanted = platform or self._settings.platform
        keys = [(name, "/".join(part for part in (wanted.os, wanted.architecture, wanted.variant) if part)), (name, "")]
        if platform is None:
            keys += [key for key in self._answers if key[0] == name]
        for key in keys:
            if key in self._answers:
                answer = self._answers[key]
                if isinstance(answer, Image):
                    return answer
                raise answer
        raise NotFoundError(f"{reference} has no answer here", status=404)

    def _answer(self, operation: str, reference: str, make: Any) -> Future[Any]:
        self._asked.append((operation, reference))
        future: Future[Any] = Future()
        try:
            future.set_result(make())
        except PycocoError as error:
            future.set_exception(error)
        return future


def _key(key: str | tuple[str, str]) -> tuple[str, str]:
    return (_normal(key), "") if isinstance(key, str) else (_normal(key[0]), key[1])


def _normal(reference: str) -> str:
    return parse_reference(reference).text


def _repository(reference: str) -> str:
    parsed = parse_reference(reference)
    return f"{parsed.domain}/{parsed.path}" if parsed.domain else parsed.path


def _top(image: Image) -> FetchedManifest:
    body = image.raw_index if image.raw_index is not None else image.raw_manifest
    return FetchedManifest(image.reference, image.pull_source, image.digest, image.media_type, body)
