"""A case on which the twins differ, made smaller as long as they do: every text of it, piece by piece.

It is not for what hypothesis found, which it makes small itself (see `search`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from tests.parity.twins import Case


def reduced(case: Case, differs: Callable[[Case], bool], seconds: float = 20.0) -> Case:
    """The smallest case found in so many seconds that still differs."""
    until = time.monotonic() + seconds
    candidates = _smaller(case)
    while time.monotonic() < until and (candidate := next(candidates, None)) is not None:
        if differs(candidate):
            case, candidates = candidate, _smaller(candidate)
    return case


def _smaller(case: Case) -> Iterator[Case]:
    for at, (path, content) in enumerate(case.files):
        yield replace(case, files=case.files[:at] + case.files[at + 1 :])
        for less in _shorter(content):
            yield replace(case, files=(*case.files[:at], (path, less), *case.files[at + 1 :]))
    for number, question in enumerate(case.questions):
        if len(case.questions) > 1:
            yield replace(case, questions=case.questions[:number] + case.questions[number + 1 :])
        for place, value in enumerate(question):
            for less in _shorter(value):
                changed = (*question[:place], less, *question[place + 1 :])
                yield replace(case, questions=(*case.questions[:number], changed, *case.questions[number + 1 :]))


def _shorter(value: Any) -> Iterator[Any]:
    """A text or a tuple without a piece: halves first, single characters last; then one of its own texts shorter."""
    if not isinstance(value, (str, bytes, tuple)):
        return
    text: Any = value
    size = len(text)
    while size:
        for start in range(0, len(text), size):
            yield text[:start] + text[start + size :]
        size //= 2
    if isinstance(value, tuple):
        for at, each in enumerate(value):
            for less in _shorter(each):
                yield (*value[:at], less, *value[at + 1 :])
