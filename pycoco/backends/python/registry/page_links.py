"""Where the next page of a list is, as a registry's Link header says: always on the registry itself.

It is not for asking for it. Mirrors GetRepositoryTags of containers/image docker/docker_image.go, which looks at the
path and query alone; what is no whole path is refused here, since it would be read as a part of the host's name.
"""

from __future__ import annotations

from pycoco.configuration import urls
from pycoco.errors import RegistryError

LINK_LIMIT = 8 * 1024
"""Characters of a page's address, at most."""


def next_page(link: str, what: str) -> str:
    """Return the path and query that a Link header leads to, "" if there is none; `what` is a list, for the error.

    Raises RegistryError for a Link that is not followed.
    """
    if not link:
        return ""
    target = link.partition(";")[0].strip("<>")
    page = urls.path_and_query(target)
    if page is None or len(page) > LINK_LIMIT:
        shown = f"{len(page)} characters long" if page is not None else "not a path on the registry"
        raise RegistryError(f"{what}: the registry's Link to the next page is {shown}; it is not followed")
    return page
