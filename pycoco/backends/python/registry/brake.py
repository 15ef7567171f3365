"""How soon a registry that answers 429 is asked again, by all operations of a client together.

It is not for how long one wait is (see `retry`). containers/image waits for each image by itself, five requests each:
forty images at an exhausted registry would make two hundred, and each of them count against its limit.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from pycoco.backends.python.network import event_loop
from pycoco.backends.python.network.redirects import redacted
from pycoco.backends.python.network.transport import Answer
from pycoco.backends.python.registry.retry import ATTEMPTS, FIRST_DELAY, MAX_DELAY, retry_after
from pycoco.errors import RateLimitedError
from pycoco.printable import get_logger

_log = get_logger("pycoco.registry")


class Brake:
    """For one registry, or its token server, on one event loop. Nothing is held up while it answers anything but 429.

    From the first 429 on one request goes at a time, after the wait that the registry advises, and the others wait for
    what becomes of it. Once ATTEMPTS in a row were 429 all of them fail, and so does who comes before the last wait is
    over. A wait that would last beyond an operation's deadline fails that operation at once.
    """

    def __init__(self, registry: str, *, of_tokens: bool = False) -> None:
        self._registry = registry
        self._asked = f"the token server of {registry}" if of_tokens else registry
        self._refusals = 0
        self._delay = FIRST_DELAY
        self._until = 0.0
        self._one_at_a_time = asyncio.Lock()

    async def send(self, request: Callable[[], Awaitable[Answer]], *, patient: bool = True) -> Answer:
        """Send a request when the registry may be asked, again while it answers 429, and return its last answer.

        Without `patient` nothing is waited for. Raises RateLimitedError where the registry is not to be asked now.
        """
        while True:
            answer = await self._send(request, patient=patient)
            if answer.status != 429 or not patient or self._refusals >= ATTEMPTS or self._is_too_late():
                return answer
            await answer.discard()
            wait = max(0.0, self._until - time.monotonic())
            _log.debug("%s: too many requests, waiting %.1f seconds", redacted(answer.url), wait)

    async def _send(self, request: Callable[[], Awaitable[Answer]], *, patient: bool) -> Answer:
        if self._refusals:
            if not patient and time.monotonic() < self._until:
                raise self._refusal()
            async with self._one_at_a_time:
                if self._refusals:
                    await self._wait()
                    answer = await request()
                    self._note(answer, counts=True)
                    return answer
        answer = await request()
        self._note(answer, counts=not self._refusals)
        return answer

    def _note(self, answer: Answer, *, counts: bool) -> None:
        """Remember what an answer says of the next one; those that were under way already count as one."""
        if answer.status != 429:
            if counts:
                self._refusals, self._delay = 0, FIRST_DELAY
            return
        if counts:
            advice = retry_after(answer.header("retry-after"))
            delay = min(self._delay if advice is None else advice, MAX_DELAY)
            self._refusals += 1
            self._delay = delay * 2
            self._until = time.monotonic() + delay

    async def _wait(self) -> None:
        left = self._until - time.monotonic()
        if self._refusals >= ATTEMPTS:
            if left > 0:
                raise self._refusal()
            self._refusals = ATTEMPTS - 1  # the wait is over: one more may try
            return
        if self._is_too_late():
            raise self._refusal()
        await asyncio.sleep(max(0.0, left))

    def _is_too_late(self) -> bool:
        deadline = event_loop.DEADLINE.get()
        return deadline is not None and self._until > deadline

    def _refusal(self) -> RateLimitedError:
        left = max(0.0, self._until - time.monotonic())
        return RateLimitedError(
            f"{self._asked} has answered with status 429, too many requests, and is not asked again"
            f" for {left:.1f} seconds; try again later, or log in where that allows more",
            status=429,
            registry=self._registry,
            spec_code="TOOMANYREQUESTS",
            retryable=True,
            retry_after=left,
        )
