"""Pages of tags, one after the other: never in a circle, never with a tag or digest that would be ignored."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any

import pytest

from pycoco.answers import tag_pages
from pycoco.answers.tag_pages import TagPages
from pycoco.backends.contract import TagPage
from pycoco.errors import InvalidReferenceError, RegistryError


class Registry:
    """Gives pages by their address."""

    def __init__(self, pages: dict[str, TagPage]) -> None:
        self.pages = pages
        self.asked: list[tuple[str, str]] = []

    def tags(self, repository: str, *, page: str = "", timeout: float | None = None) -> Future[TagPage]:
        self.asked.append((repository, page))
        found: Future[TagPage] = Future()
        found.set_result(self.pages[page])
        return found

    def referrers(self, reference: str, *, artifact_type: str | None = None, timeout: float | None = None) -> Any:
        raise NotImplementedError


def read(registry: Registry, repository: str = "app") -> list[str]:
    pages = TagPages(registry, repository, None)
    found: list[str] = []
    while (started := pages.next_page()) is not None:
        found += pages.turned(started.result())
    return found


def test_the_next_page_is_asked_of_the_repository_that_answered() -> None:
    registry = Registry(
        {"": TagPage("docker.io/library/app", ("a",), "/2"), "/2": TagPage("docker.io/library/app", ())}
    )
    assert read(registry) == ["a"]
    assert registry.asked == [("app", ""), ("docker.io/library/app", "/2")]


@pytest.mark.parametrize("back", ["/2", "/3"])
def test_a_circle_is_refused(back: str) -> None:
    pages = {"": TagPage("r", ("a",), "/2"), "/2": TagPage("r", ("b",), "/3"), "/3": TagPage("r", ("c",), back)}
    with pytest.raises(RegistryError, match="in a circle"):
        read(Registry(pages))


def test_pages_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tag_pages, "TAG_PAGES_LIMIT", 5)
    pages = {"": TagPage("r", (), "1"), **{f"{n}": TagPage("r", (), f"{n + 1}") for n in range(1, 10)}}
    with pytest.raises(RegistryError, match="have no end"):
        read(Registry(pages))


@pytest.mark.parametrize("text", ["app:v1", "quay.io/app:v1", "localhost:5000/app:v1", "app@sha256:" + "a" * 64])
def test_a_tag_or_digest_is_refused(text: str) -> None:
    with pytest.raises(InvalidReferenceError, match="without tag or digest"):
        TagPages(Registry({}), text, None)


def test_a_port_is_no_tag() -> None:
    assert read(Registry({"": TagPage("localhost:5000/app", ("a",))}), "localhost:5000/app") == ["a"]
