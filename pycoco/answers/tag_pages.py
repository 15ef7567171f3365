"""A repository's tags, page after page: what both clients share, but for the waiting.

It is not for asking a registry for a page. No more than one page is ever held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pycoco.backends.contract import TAG_PAGES_LIMIT, TagPage
from pycoco.errors import InvalidReferenceError, RegistryError

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pycoco.backends.contract import Lists


class TagPages:
    """Where one is in a list of tags. Ask with `next_page` until it returns None, and tell `turned` of each page."""

    def __init__(self, lists: Lists, repository: str, timeout: float | None) -> None:
        self._lists = lists
        self._repository = _repository(repository)
        self._timeout = timeout
        self._page: str | None = ""
        self._asked: set[int] = set()  # by hash: a page's address may be long, and there may be many

    def next_page(self) -> Future[TagPage] | None:
        """Start reading the next page; None where there is none. `timeout` is each page's own."""
        if self._page is None:
            return None
        return self._lists.tags(self._repository, page=self._page, timeout=self._timeout)

    def turned(self, page: TagPage) -> tuple[str, ...]:
        """Return a page's tags, having noted what comes next. Raises RegistryError for pages in a circle."""
        self._repository, self._page = page.repository, page.next_page or None
        if self._page is not None:
            key = hash(self._page)
            if key in self._asked or len(self._asked) >= TAG_PAGES_LIMIT:
                raise RegistryError(
                    f"the registry's pages of tags of {page.repository} lead in a circle, or have no end"
                )
            self._asked.add(key)
        return page.tags


def _repository(text: str) -> str:
    """Refuse a tag or digest: it would be ignored, and with it what was meant."""
    if "@" in text or ":" in text.rpartition("/")[2]:
        raise InvalidReferenceError(f"{text!r} names one image; give its repository alone, without tag or digest")
    return text
