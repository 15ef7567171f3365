"""Write the requests that the race detector replays: what the strategies draw, as Python sends it to the Go library.

It is not for looking for differences. go/internal/operations/race_test.go reads what this writes; run it again when
requests change shape.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, cast

from hypothesis import HealthCheck, Phase, given, settings

from pycoco.backends.go import library
from pycoco.backends.go.backend import GoSession
from pycoco.backends.go.completions import Completions
from pycoco.configuration.settings import Settings
from pycoco.errors import PycocoError
from tests.parity.operations import BY_NAME
from tests.parity.twins import STATELESS, Case

DIRECTORY = Path(__file__).parent.parent.parent / "go" / "internal" / "operations" / "testdata" / "corpus"
EXAMPLES = 40
_LARGEST = 4096
"""Characters of one request: the race detector looks at what is done, not at how much."""


class _Recorder:
    """A library that keeps what it is asked and answers nothing of use."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []

    def call(self, request: dict[str, Any]) -> tuple[dict[str, int], list[bytes]]:
        if request["operation"] == "open":
            return {"session": 1}, []
        self.requests.append(request)
        raise PycocoError("only recorded")


def main() -> int:
    """Write one file of JSON lines for each operation that needs no files."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for name in sorted(STATELESS):
        lines = sorted(set(_lines(name)))
        (DIRECTORY / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
        print(f"{name}: {len(lines)} requests")
    return 0


def _lines(name: str) -> list[str]:
    recorder = _Recorder()
    session = GoSession(cast("library.Library", recorder), cast("Completions", None), Settings())

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=tuple(HealthCheck),
    )
    @given(BY_NAME[name].cases)
    def record(case: Case) -> None:
        for question in case.questions[:8]:
            try:
                getattr(session, name)(*question)
            except PycocoError:
                continue

    record()
    lines = [json.dumps({key: value for key, value in each.items() if key != "session"}) for each in recorder.requests]
    return [line for line in lines if len(line) <= _LARGEST]


if __name__ == "__main__":
    sys.exit(main())
