"""A tag whose image is in the store: one HEAD says whether it still names that, and then nothing else is asked for.

It is not for pinned references, which need no request, nor for what CRI-O does: that reads the manifest each time.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from pycoco.answers.chained import then
from pycoco.errors import DeadlineError
from pycoco.ready import Pending, Ready

if TYPE_CHECKING:
    from collections.abc import Callable

    from pycoco.backends.contract import Fetched, Reader, Resolved
    from pycoco.daemon_threads import DaemonThreads
    from pycoco.documents.values import RequestedPlatform
    from pycoco.image import Image
    from pycoco.layout.client_store import ClientStore


def revalidated(
    reader: Reader,
    stored: ClientStore,
    reference: str,
    platform: RequestedPlatform | None,
    timeout: float | None,
    threads: DaemonThreads,
    made: Callable[[Fetched], Image],
) -> Pending[Fetched | Ready[Image]]:
    """Read the image that a tag names: the stored one where a HEAD tells its digest, else anew.

    The digest that the registry tells is a claim, and the stored bytes are held to it: they have that digest. `made`
    makes an Image of what is in the store.
    """
    deadline = None if timeout is None else time.monotonic() + timeout

    def following(resolved: Resolved) -> Pending[Fetched] | Ready[Image]:
        repository = resolved.reference.rpartition("@")[0] or resolved.reference.rpartition(":")[0]
        found = stored.find(f"{repository}@{resolved.digest}", platform)
        if found is not None:
            asked_for = replace(found, reference=resolved.reference, pull_source=resolved.pull_source)
            return Ready(made(asked_for))
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise DeadlineError(f"{reference} was not read within {timeout:g} seconds; allow a longer timeout")
        return reader.fetch(reference, platform=platform, timeout=left)

    return then(reader.resolve(reference, timeout=timeout), following, threads)
