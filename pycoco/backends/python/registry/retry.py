"""When to ask again: the waiting rules of containers/image, without the waiting, which whoever asks does.

makeRequestToResolvedURL and parseRetryAfter of docker/docker_client.go, tryGetBlob of docker/docker_image_src.go.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from pycoco._pattern import pattern

MAX_RETRY_DELAY = 8.0

ATTEMPTS = 5
"""Requests in all while the answer is 429."""

FIRST_DELAY = 2.0
MAX_DELAY = 60.0

_SECONDS = pattern(r"[+-]?[0-9]{1,19}", re.ASCII)


def retry_after(header: str | None, now: float | None = None) -> float | None:
    """The seconds that a Retry-After header asks for, from a number or an HTTP date; None if it says nothing usable."""
    if not header:
        return None
    if _SECONDS.fullmatch(header):
        return float(max(int(header), 0))
    from email.utils import parsedate_to_datetime  # rarely needed, and slow to import

    try:
        moment = parsedate_to_datetime(header).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    seconds = moment - (time.time() if now is None else now)
    return seconds if seconds > 0 else None


def delays(retries: int) -> Iterator[float]:
    """Yield the seconds to wait before each of so many retries (patiently in go/internal/images)."""
    delay = 1.0
    for _ in range(retries):
        yield delay
        delay = min(2 * delay, MAX_RETRY_DELAY)


def transient_delay() -> float:
    """Seconds before a transient failure is tried once more, with jitter against stampedes."""
    import random  # as rarely

    return 1.0 + random.random() / 10
